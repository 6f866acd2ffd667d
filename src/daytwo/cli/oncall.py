"""`daytwo oncall`: who is on call; take over."""

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.access import myself
from daytwo.cli.books import opened_books
from daytwo.cli.incident_books import made
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, local, print_json, table
from daytwo.cli.records import moment
from daytwo.core.errors import UsageError
from daytwo.core.units import Duration

if TYPE_CHECKING:
    from daytwo.respond.oncall import OnCall, RotaData

oncall = make("Who is on call now, and next; take over for a time; the calendar.")

RotaArgument = Annotated[str, typer.Argument(metavar="ROTA", help="The rota's name.")]
AtOption = Annotated[str | None, typer.Option("--at", help="At this time: 2026-12-24, 2026-12-24T18:00.")]


@oncall.callback(invoke_without_command=True)
def overview(
    ctx: typer.Context,
    at: AtOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Who is on call in each rota, until when, who comes next, and when nobody is."""
    if ctx.invoked_subcommand:
        return
    with opened_books(config) as books:
        found = books.oncall.now(moment(at, "--at", books.config))
    if json:
        print_json({"oncall": found})
        return
    if not found:
        line("There is no rota in the configuration: `oncall: {primary: {people: [anna, bob]}}`")
        return
    table(("ROTA", "ON CALL", "UNTIL", "NEXT", "NOBODY"), [_row(one) for one in found])
    for one in found:
        if one.person is None:
            line(f"Nobody is on call in {one.rota}: a page goes to everybody of it ({', '.join(one.people)}).")


@oncall.command()
def show(
    rota: RotaArgument,
    at: AtOption = None,
    days: Annotated[int, typer.Option("--days", min=1, max=92, help="So many days.")] = 7,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Who has which turn of a rota, with the times in which nobody is on call."""
    with opened_books(config) as books:
        found = books.oncall.rota(rota, moment(at, "--at", books.config), days)
    if json:
        print_json(found)
        return
    table(("FROM", "UNTIL", "WHO", "HOW"), _turns(found))
    for gap in found.gaps:
        line(f"Nobody is on call from {_time(gap.begin)} to {_time(gap.end)}: everybody of it would be told.")


@oncall.command()
def people(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Everybody who can be reached: address, telephone, channels, and the rotas they are in."""
    from daytwo.config import load
    from daytwo.respond.oncall import members

    loaded = load(config)
    rotas = {
        name: [rota for rota, one in loaded.oncall.items() if name in members(one)] for name in loaded.people
    }  # fmt: skip
    if json:
        print_json(
            {"people": {name: {**one.model_dump(), "rotas": rotas[name]} for name, one in loaded.people.items()}}
        )
        return
    if not loaded.people:
        line("There is nobody in the configuration: `people: {anna: {email: anna@example.com, phone: ...}}`")
        return
    rows = [
        (name, one.email or "-", one.phone or "-", ", ".join(one.channels) or "-", ", ".join(rotas[name]) or "-")
        for name, one in loaded.people.items()
    ]
    table(("PERSON", "E-MAIL", "TELEPHONE", "CHANNELS", "ROTAS"), rows)


@oncall.command()
def take(
    rota: RotaArgument,
    person: Annotated[str, typer.Option("--person", help="Who takes over: a person of the configuration.")],
    length: Annotated[str | None, typer.Option("--for", help="For so long: 4h, 2d.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="From when on; now if absent.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Until when, instead of --for.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Have somebody take over a rota for a time."""
    from daytwo.respond.oncall import Take

    with opened_books(config) as books:
        first = moment(begin, "--from", books.config)
        end = moment(until, "--until", books.config) or _after(first or datetime.now(UTC), length)
        order = made(Take, person=person, begin=first, end=end)
        found = books.oncall.take(rota, order, myself())
    if json:
        print_json(found)
        return
    when = f"from {_time(first)}" if first else "from now on"
    line(f"{found.person} is on call in {rota} {when}, until {_time(found.until or end)}.")


@oncall.command()
def calendar(rota: RotaArgument, config: ConfigOption = None) -> None:
    """Print a rota as an iCalendar file: the last week, and two months ahead."""
    with opened_books(config) as books:
        sys.stdout.write(books.oncall.calendar(rota))


def _after(begin: datetime, length: str | None) -> datetime:
    if length is None:
        raise UsageError("say for how long", hint="--for 4h, or --until 2026-12-24T18:00")
    try:
        return begin + timedelta(seconds=float(Duration.parse(length)))
    except (ValueError, OverflowError) as error:
        raise UsageError(str(error), where="--for") from None


def _row(one: "OnCall") -> tuple[str, ...]:
    bare = f"{_time(one.gap.begin)} to {_time(one.gap.end)}" if one.gap else "-"
    return (one.rota, one.person or "nobody", _time(one.until) if one.until else "-", one.following or "-", bare)


def _turns(found: "RotaData") -> list[tuple[str, ...]]:
    return [
        (_time(one.begin), _time(one.end), one.person, f"layer {one.layer}" if one.layer else "took over")
        for one in found.shifts
    ]


def _time(at: datetime) -> str:
    return f"{local(at):%a %Y-%m-%d %H:%M %Z}"
