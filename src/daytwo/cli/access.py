"""What `daytwo users` and `daytwo tokens` share: the opened door; passwords that are never arguments."""

import contextlib
import getpass
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.access.roles import Principal, Role, Via
from daytwo.cli.output import use_zone
from daytwo.core.errors import UsageError
from daytwo.core.schedule import zone_of

if TYPE_CHECKING:
    from daytwo.access.door import Door

RoleOption = Annotated[str, typer.Option("--role", help="viewer, operator or admin.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


@contextlib.contextmanager
def opened_door(config: Path | None) -> Iterator["Door"]:
    """Open the state to see and change who may come in; the daemon need not run.

    Raises:
        ConfigError, RefusedError
    """
    from daytwo.access.door import Door
    from daytwo.app import utc_now
    from daytwo.config import glimpse
    from daytwo.ledger.audit import Audit
    from daytwo.store.database import open_database
    from daytwo.store.url import StateUrl
    from daytwo.store.writer import Writer

    loaded = glimpse(config)
    use_zone(zone_of(loaded.timezone))
    database = open_database(StateUrl.of(loaded))
    with contextlib.closing(database), Writer(database) as writer:
        audit = Audit(database, loaded.app, loaded.environment, utc_now)
        with contextlib.closing(Door(database, writer, audit, utc_now, lambda: loaded.serve)) as door:
            yield door


def myself() -> Principal:
    """Who types: whoever can write the state may do everything."""
    return Principal(f"{getpass.getuser()}@{platform.node()}", Via.CLI, Role.ADMIN)


def read_role(text: str) -> Role:
    """A role option.

    Raises:
        UsageError: it is none.
    """
    try:
        return Role.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


def read_password() -> str:
    """A new password: typed twice at a terminal, else the first line of standard input.

    Raises:
        UsageError: the two differ, or there is none.
    """
    if not sys.stdin.isatty():
        text = sys.stdin.readline().rstrip("\r\n")
        if not text:
            raise UsageError("there is no password on standard input", hint="Pipe it in, or run this at a terminal")
        return text
    text = getpass.getpass("New password (not shown): ")
    if getpass.getpass("The same again: ") != text:
        raise UsageError("the two passwords are not the same", hint="Run it again")
    return text
