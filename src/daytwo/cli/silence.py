"""`daytwo silence`: nobody is told of some alerts for a time."""

from typing import Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.incident_books import made as order
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when

silence = make("Be told nothing of some alerts for a time.")


@silence.command()
def add(
    rules: Annotated[
        list[str] | None, typer.Argument(metavar="[RULE]...", help="Names of rules, or patterns such as `db.*`.")
    ] = None,
    length: Annotated[str, typer.Option("--for", help="For how long: 30m, 2h, 1d.")] = "1h",
    why: Annotated[str, typer.Option("--why", help="The reason.")] = "",
    service: Annotated[list[str] | None, typer.Option("--service", help="Only of this service; repeatable.")] = None,
    subject: Annotated[
        list[str] | None, typer.Option("--subject", help="Only of this check or series; repeatable.")
    ] = None,
    level: Annotated[
        list[str] | None, typer.Option("--level", help="Only critical, warning, or info; repeatable.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Even if it silences every alert, or every critical one; 24h at most.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Silence alerts from now on."""
    from daytwo.respond.acts import NewSilence

    with opened_books(config) as books:
        given = order(
            NewSilence, rules=tuple(rules or ()), services=tuple(service or ()), subjects=tuple(subject or ()),
            levels=tuple(level or ()), length=length, why=why, everything=yes,
        )  # fmt: skip
        made = books.alerts.silence(given)
    if json:
        print_json(made)
        return
    line(f"Silence {made.id} lasts until {when(made.until)}; it hides {len(made.hides)} of the alerts there are now.")


@silence.command("list")
def list_them(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List silences that count, or did in the last week."""
    with opened_books(config) as books:
        found = books.alerts.silences()
    if json:
        print_json({"silences": found})
        return
    if not found:
        line("There are no silences.")
        return
    rows = [
        (
            str(one.id), "yes" if one.active else "over",
            " ".join([*one.rules, *one.subjects, *one.services, *one.levels]) or "everything",
            when(one.until), one.by, one.why, str(len(one.hides)),
        )
        for one in found
    ]  # fmt: skip
    table(("SILENCE", "COUNTS", "FITS", "UNTIL", "BY", "WHY", "HIDES"), rows, right=frozenset({6}))


@silence.command()
def end(
    number: Annotated[int, typer.Argument(metavar="SILENCE", min=1, help="The silence's number.")],
    config: ConfigOption = None,
) -> None:
    """Take a silence away: what it hid and is still there is told."""
    with opened_books(config) as books:
        books.alerts.end_silence(number)
    line(f"Silence {number} is over.")
