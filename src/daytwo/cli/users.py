"""`daytwo users`: list, invite, invitations, withdraw, add, role, disable, enable, remove, password."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.access.names import user_name
from daytwo.cli.access import NameArgument, RoleOption, myself, opened_door, read_password, read_role
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daytwo.access.users import Users

users = make("Who may log in, with which role.")

ChangeOption = Annotated[
    bool, typer.Option("--must-change", help="They must choose another password at their next login.")
]


@users.command("list")
def list_them(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the users."""
    with opened_door(config) as door:
        found = door.read(door.users.all)
    if json:
        print_json([{**vars(one), "role": one.role.word} for one in found])
        return
    if not found:
        line("There are no users yet. Make a link for the first with `daytwo users invite NAME --role admin`.")
        return
    rows = []
    for one in found:
        notes = [word for word, true in (("disabled", one.disabled), ("must change", one.must_change)) if true]
        rows.append((one.name, one.role.word, when(one.seen) if one.seen else "never", ", ".join(notes)))
    table(("NAME", "ROLE", "LAST LOGIN", ""), rows)


@users.command()
def invite(
    name: NameArgument, role: RoleOption = "viewer", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Make a one-time link at which a new user chooses a password."""
    level = read_role(role)
    with opened_door(config) as door:
        secret, made = door.do(lambda connection: door.links.invite(connection, name, level, myself()))
        _show_link(door.links.address(secret), made.expires, json)


@users.command()
def invitations(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the one-time links that nobody has used yet; the links themselves are stored nowhere."""
    with opened_door(config) as door:
        found = door.read(door.links.open)
    if json:
        print_json([{**vars(one), "role": one.role.word} for one in found])
        return
    if not found:
        line("There are no open links.")
        return
    meaning = {"first": "first admin", "invite": "new user", "reset": "new password"}
    rows = [(one.name, meaning[one.purpose], one.role.word, when(one.expires), one.created_by) for one in found]
    table(("NAME", "FOR A", "ROLE", "UNTIL", "MADE BY"), rows)


@users.command()
def withdraw(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """End the open link for a name: it leads nowhere any more."""
    name = user_name(name)
    with opened_door(config) as door:
        door.do(lambda connection: door.links.withdraw(connection, name, myself()))
    _said(json, name, f"The link for {name} is withdrawn.")


@users.command()
def add(
    name: NameArgument,
    role: RoleOption = "viewer",
    must_change: ChangeOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a user with a password that you type, or that comes on standard input."""
    level, name = read_role(role), user_name(name)
    with opened_door(config) as door:
        hashed = door.hash(name, read_password())
        made = door.do(
            lambda connection: door.users.add(connection, name, level, hashed, myself(), must_change=must_change)
        )
    _said(json, made.name, f"{made.name} can log in, as {made.role.word}.")


@users.command("role")
def set_role(
    name: NameArgument,
    role: Annotated[str, typer.Argument(help="viewer, operator or admin.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Give a user another role. Their sessions end."""
    level = read_role(role)
    name = _changed(config, name, lambda users, here, name: users.set_role(here, name, level, myself()))
    _said(json, name, f"{name} is {level.word} now.")


@users.command()
def disable(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Keep a user out until `enable`. Their sessions end."""
    name = _changed(config, name, lambda users, here, name: users.set_disabled(here, name, True, myself()))
    _said(json, name, f"{name} can no longer log in.")


@users.command()
def enable(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Let a disabled user in again."""
    name = _changed(config, name, lambda users, here, name: users.set_disabled(here, name, False, myself()))
    _said(json, name, f"{name} can log in again.")


@users.command()
def remove(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Remove a user. What they did stays in the record."""
    name = _changed(config, name, lambda users, here, name: users.remove(here, name, myself()))
    _said(json, name, f"{name} is removed.")


@users.command()
def password(
    name: NameArgument,
    link: Annotated[bool, typer.Option("--link", help="Make a one-time link instead: they choose it.")] = False,
    must_change: ChangeOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Give a user another password, typed or from standard input. Their sessions end."""
    name = user_name(name)
    with opened_door(config) as door:
        if link:
            secret, made = door.do(lambda connection: door.links.reset(connection, name, myself()))
            _show_link(door.links.address(secret), made.expires, json)
            return
        door.read(lambda connection: door.users.get(connection, name))
        hashed = door.hash(name, read_password())
        door.do(lambda connection: door.set_password(connection, name, hashed, myself(), must_change=must_change))
    _said(json, name, f"{name} has another password.")


def _changed(config: Path | None, name: str, change: "Callable[[Users, Connection, str], object]") -> str:
    """Change something about a user; their name as it is kept."""
    name = user_name(name)
    with opened_door(config) as door:
        door.do(lambda connection: change(door.users, connection, name))
    return name


def _said(as_json: bool, name: str, text: str) -> None:
    if as_json:
        print_json({"name": name})
    else:
        line(text)


def _show_link(link: str, expires: object, as_json: bool) -> None:
    from datetime import datetime

    assert isinstance(expires, datetime)
    if as_json:
        print_json({"link": link, "expires": expires})
        return
    line(f"Give them this link. It works once, until {when(expires)}, and is not shown again:")
    line()
    line(f"  {link}")
