"""Real parts for tests: each module starts one real server on a free port in a temporary folder and ends it.

Import from the module of the part, for example `from tests.parts.postgres import postgres18`. The session-wide fixtures
in `tests/conftest.py` are the usual way in; the context managers here are for a test that needs a server of its own (to
kill it, to start it again, to give it other settings).
"""
