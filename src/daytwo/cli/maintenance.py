"""`daytwo maintenance`: everything is watched, and nobody is told."""

from typing import Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.incident_books import made as order
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when

maintenance = make("Begin and end maintenance: everything is watched, nobody is told.")


@maintenance.command()
def begin(
    services: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE]...", help="Only of these services, or patterns.")
    ] = None,
    length: Annotated[str, typer.Option("--for", help="For how long at most: 30m, 2h.")] = "1h",
    why: Annotated[str, typer.Option("--why", help="The reason.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Begin maintenance now."""
    from daytwo.respond.acts import NewWindow

    with opened_books(config) as books:
        made = books.alerts.begin_maintenance(order(NewWindow, services=tuple(services or ()), length=length, why=why))
    if json:
        print_json(made)
        return
    line(f"Maintenance {made.id} lasts until {when(made.until)}; end it earlier with `daytwo maintenance end`.")


@maintenance.command()
def end(
    number: Annotated[
        int | None, typer.Argument(metavar="[MAINTENANCE]", min=1, help="Its number; all that is open if absent.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """End maintenance that was begun by hand: what began in it and is still there is told."""
    with opened_books(config) as books:
        ended = books.alerts.end_maintenance(number)
    line("Maintenance is over." if ended == 1 else f"{ended} maintenance windows are over.")


@maintenance.command("list")
def list_them(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List maintenance windows: open, next, and begun by hand in the last week."""
    with opened_books(config) as books:
        found = books.alerts.windows()
    if json:
        print_json({"maintenance": found})
        return
    if not found:
        line("There is no maintenance, and none is planned.")
        return
    rows = [
        (
            one.name, "open" if one.active else "", when(one.begin), when(one.until),
            " ".join(one.services) or "everything", one.by, one.why,
        )
        for one in found
    ]  # fmt: skip
    table(("MAINTENANCE", "IS", "BEGIN", "END", "OF", "BY", "WHY"), rows)
