"""State: tables, migrations, and the one place that opens the database.

Nothing is imported here, so that a command that only glances at the state does not pay for SQLAlchemy.
"""
