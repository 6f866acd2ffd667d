"""`daytwo tokens`: list, create, revoke."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daytwo.cli.access import RoleOption, myself, opened_door, read_role
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when
from daytwo.cli.session import seconds

if TYPE_CHECKING:
    from daytwo.access.tokens import Token

tokens = make("API tokens: limited, ending, revocable.")


@tokens.command("list")
def list_them(
    config: ConfigOption = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also those that were revoked.")] = False,
    json: JsonOption = False,
) -> None:
    """List the tokens; their secrets are stored nowhere."""
    now = datetime.now(UTC)
    with opened_door(config) as door:
        found = [one for one in door.read(door.tokens.all) if everything or one.state(now) != "revoked"]
    if json:
        print_json([_summary(one, now) for one in found])
        return
    if not found:
        line("There are no tokens. Make one with `daytwo tokens create NAME`.")
        return
    rows = [
        (
            one.id,
            one.name,
            one.role.word,
            ", ".join(sorted(one.areas)) or "all",
            one.state(now) if one.state(now) != "active" else when(one.expires),
            when(one.used) if one.used else "never",
            one.created_by,
        )
        for one in found
    ]
    table(("ID", "NAME", "ROLE", "AREAS", "UNTIL", "LAST USED", "MADE BY"), rows)


@tokens.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What will use it.")],
    role: RoleOption = "viewer",
    area: Annotated[
        list[str] | None, typer.Option("--area", help="Limit it to this part of the API (repeatable).")
    ] = None,
    expires: Annotated[str, typer.Option("--expires", help="How long it is good for, such as 90d.")] = "1y",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token and show its secret, once."""
    level, lasts, areas = read_role(role), seconds(expires, "--expires"), frozenset(area or ())
    if areas:
        from daytwo.web.routes.tokens import check_areas

        check_areas(areas)
    with opened_door(config) as door:
        secret, made = door.do(
            lambda connection: door.tokens.create(connection, name, level, myself(), areas=areas, lasts=lasts)
        )
    if json:
        print_json({**_summary(made, made.created), "secret": secret})
        return
    line(f"Token {made.name} ({made.role.word}), good until {when(made.expires)}. It is not shown again:")
    line()
    line(f"  {secret}")
    line()
    line("Give it with each request as the header `Authorization: Bearer SECRET`.")


@tokens.command()
def revoke(
    wanted: Annotated[str, typer.Argument(metavar="NAME", help="The token's name or id.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """End a token for ever."""
    with opened_door(config) as door:
        found = door.do(lambda connection: door.tokens.revoke(connection, wanted, myself()))
    if json:
        print_json(_summary(found, found.revoked or found.created))
    else:
        line(f"Token {found.name} is revoked.")


def _summary(one: "Token", now: datetime) -> dict[str, Any]:
    return {**vars(one), "role": one.role.word, "areas": sorted(one.areas), "state": one.state(now)}
