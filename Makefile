# Everything a developer does, by name. `make` alone lists it.

PYTHON ?= python3
UV_VERSION := 0.13.8
BIN := .venv/bin

# uv works in our environment, with the Python it was made of, and looks for no other.
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.venv
export UV_PYTHON := $(CURDIR)/.venv/bin/python
export UV_PYTHON_DOWNLOADS := never

# Kept, or each of the many programs that tests start would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv demo parts lint test test-fast bench-protect bench-serve bench-watch bench-respond clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

venv: .venv/.synced ## Make .venv, with all that the lock file names

.venv/.synced: pyproject.toml uv.lock
	@scripts/make-venv "$(PYTHON)" "$(UV_VERSION)"
	@touch $@

demo: venv ## Show daytwo at work, with a small app
	@$(BIN)/daytwo demo

parts: ## Install the servers and tools that the tests talk to (apt)
	@scripts/install-parts

lint: venv ## Check style, types, the layers and the dependencies
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src

test: venv parts lint ## Everything; with DAYTWO_REQUIRE_REAL=1 nothing may be skipped for a missing part
	$(BIN)/pytest -n auto --dist worksteal tests

test-fast: venv ## For every day: the tests that need no real servers and are not marked slow
	$(BIN)/pytest -n $$(($$(nproc) * 3 / 2)) --dist worksteal -m "not real and not slow" tests

bench-protect: venv ## Measure backup and restore side by side with peers
	$(BIN)/python -m bench.protect

bench-serve: venv ## Measure the daemon: API under load, pings, a million exports, memory
	$(BIN)/python -m bench.serve
	$(BIN)/python -m bench.pings
	$(BIN)/python -m bench.exports
	$(BIN)/python -m bench.hour

bench-watch: venv ## Measure probes, numbers at ten million samples, 1,000 checks as asked for, and the daemon beside Prometheus
	$(BIN)/python -m bench.probes
	$(BIN)/python -m bench.numbers
	$(BIN)/python -m bench.watched
	$(BIN)/python -m bench.blackbox

bench-respond: venv ## Measure alerts: from the failing probe to the message, ten thousand in a minute; the pages
	$(BIN)/python -m bench.respond
	$(BIN)/python -m bench.overview

clean: ## Remove .venv and all that tools have cached here
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
