"""Alembic's environment and the revisions, run by `daytwo.store.migrate`."""
