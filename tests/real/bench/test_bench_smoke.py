"""The benchmark runs and prints every row. What it measures is no business of a test."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.parts.need import require
from tests.parts.postgres import postgres18_bin

ROOT = Path(__file__).parents[3]
ROWS = (
    "tar.gz archive, read back (script of document P)",
    "restic, first backup (restic by hand)",
    "restic, first backup (borgmatic)",
    "restic, unchanged second (restic by hand)",
    "restic, unchanged second (borgmatic)",
    "restore of the database (",
    "restore of the database in place (",
    "for information: restore (",
    "daytwo --help, median of 10",
    "daytwo status, median of 10",
    "daytwo's own memory, largest of all runs",
)
PEERS = {"script", "restic by hand", "psql", "pg_restore -j2", "analyze by hand"}


def bench(folder: Path, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it on the smallest app, one round, without borgmatic."""
    words = ["--size", "1MB", "--rounds", "1", "--folder", str(folder), "--borgmatic", "no-such-borgmatic", *argv]
    return subprocess.run(
        [sys.executable, "-m", "bench.protect", *words], cwd=ROOT, capture_output=True, text=True, timeout=280,
        check=False, stdin=subprocess.DEVNULL, env={**os.environ, **env},
    )  # fmt: skip


def test_every_row_is_printed_and_nothing_stays(tmp_path: Path) -> None:
    require("restic")
    postgres18_bin()
    results, folder = tmp_path / "results.json", tmp_path / "place"
    folder.mkdir()
    done = bench(folder, "--json", str(results))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    lines = done.stdout.splitlines()
    for title in ROWS:
        assert sum(line.startswith(title) for line in lines) == 1, f"{title}\n{done.stdout}"
    assert "borgmatic is not installed (or say where with --borgmatic): its rows are skipped" in lines
    samples = json.loads(results.read_text())["samples"]
    assert {who for by in samples.values() for who in by} == {"daytwo", *PEERS}
    memory = [one["own"] for what in ("tar.gz archive", "restic first", "restore") for one in samples[what]["daytwo"]]
    assert all(20e6 < own < 1e9 for own in memory), "each is daytwo's own process, seen by its memory"
    assert list(folder.iterdir()) == []


def test_a_contestant_that_fails_ends_it_with_what_it_said(tmp_path: Path) -> None:
    real, bin = require("restic"), tmp_path / "bin"
    postgres18_bin()
    bin.mkdir()
    (bin / "restic").write_text(f'#!/bin/sh\ncase $1 in backup) echo broken >&2; exit 9;; esac\nexec {real} "$@"\n')
    (bin / "restic").chmod(0o755)
    folder = tmp_path / "place"
    folder.mkdir()
    done = bench(folder, "--only", "restic", PATH=f"{bin}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1
    assert "error:" in done.stderr
    assert "broken" in done.stderr
    assert list(folder.iterdir()) == []
