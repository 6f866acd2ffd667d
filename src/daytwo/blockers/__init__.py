"""Blockers: one module a kind, each keeps addresses out in its own way."""
