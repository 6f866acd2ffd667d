"""The way of checks to a server: one start of `psql` a question."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from daytwo.core.errors import CommandError, MissingToolError
from daytwo.core.reading import ask
from daytwo.core.run import Run
from daytwo.services.postgres.access import PSQL, Access, translated
from daytwo.services.postgres.clients import Client, find_clients

_ON_THE_WAY = 0.3
"""Seconds of a question's time that are left for the way to the server and back."""
_ERROR = re.compile(r"ERROR:\s+(.*?)(?:; |$)")
Answers = list[object]


class Line:
    """Asks a server, and remembers between two questions where `psql` is.

    Args:
        access: says how to reach it; resolves the secrets each time, since they may change.
        bin: the folder of the client tools, where one is set.
    """

    def __init__(self, access: Callable[[], Access], bin: Path | None) -> None:
        self._access = access
        self._bin = bin
        self._client: Client | None = None

    def ask(self, sql: str, run: Run) -> Answers:
        """What each line of the answer says; statements answer with one JSON value a line.

        Args:
            sql: for `psql`; stops at the first error, unless it says otherwise itself.
            run: the run it belongs to.

        Raises:
            SourceError: the database does not exist.
            MissingToolError: there is no `psql`.
            UnreachableError, CommandError: see `translated`.
        """
        access = self._access()
        try:
            return self._told(access, sql, run)
        except MissingToolError:
            if self._client is None:
                raise
        self._client = None  # an update has moved the programs
        return self._told(access, sql, run)

    def _told(self, access: Access, sql: str, run: Run) -> Answers:
        if self._client is None:
            self._client = find_clients(access.target, run, bin=self._bin, where=access.where)[-1]
        psql = access.command(self._client, "psql", *PSQL, "--set=ON_ERROR_STOP=1", "--file=-")
        try:
            text = ask(access.target, psql, run, stdin=(limited(run) + sql).encode()).text
        except CommandError as error:
            raise translated(error, access, access.database) from None
        return [json.loads(line) for line in text.split("\n") if line]


def limited(run: Run) -> str:
    """Statements that have the server end by itself what takes longer than the run may."""
    remaining = run.remaining()
    if remaining is None:
        return ""
    milliseconds = max(1, round(max(remaining - _ON_THE_WAY, remaining / 2) * 1000))
    return f"set statement_timeout = {milliseconds};\n"


def in_servers_words(error: CommandError) -> str:
    """What the server says is wrong with a statement, without what surrounds it."""
    found = _ERROR.search(error.what)
    return found[1] if found else error.what


def merged(answers: Answers) -> dict[str, object]:
    """Several objects as one; what is null is left out."""
    found: dict[str, object] = {}
    for one in answers:
        assert isinstance(one, Mapping)
        found |= {name: value for name, value in one.items() if value is not None}
    return found
