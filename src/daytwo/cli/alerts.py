"""`daytwo alerts`: what is wrong now, why somebody was told or not, and who takes care of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when

if TYPE_CHECKING:
    from daytwo.respond.views import AlertDetail, AlertRow, TellingData

alerts = make("What is wrong now; why somebody was told, or not; take care of it.")

NumberArgument = Annotated[int, typer.Argument(metavar="ALERT", min=1, help="The alert's number.")]
AllOption = Annotated[bool, typer.Option("--all", "-a", help="Also those that are over, of the last week.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="Also those that began so long ago: 24h, 30d.")]


@alerts.callback(invoke_without_command=True)
def overview(
    ctx: typer.Context,
    all: AllOption = False,
    since: SinceOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List alerts that are not over, or do something with one."""
    if not ctx.invoked_subcommand:
        list_them(all=all, since=since, config=config, json=json)


@alerts.command("list")
def list_them(
    all: AllOption = False, since: SinceOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """List alerts, the newest first."""
    from daytwo.watch.views import length

    back = length(since or "7d") if all or since else None
    with opened_books(config) as books:
        found = books.alerts.alerts(back)
    if json:
        print_json({"alerts": found})
        return
    if not found:
        line("There are no alerts.")
        return
    table(("ALERT", "LEVEL", "SINCE", "OVER", "WHAT", "WHY", "TOLD"), [_row(one) for one in found])


@alerts.command()
def show(number: NumberArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one alert, and who was told of it."""
    with opened_books(config) as books:
        found = books.alerts.alert(number)
    if json:
        print_json(found)
        return
    _describe(found)
    if found.tellings:
        line()
        rows = [(when(one.at), one.what, one.channel, one.route, _state(one)) for one in found.tellings]
        table(("AT", "WHAT", "CHANNEL", "ROUTE", "HOW IT STANDS"), rows)


@alerts.command()
def why(number: NumberArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say why somebody was told of an alert, or nobody: what each stage found."""
    with opened_books(config) as books:
        found = books.alerts.alert(number)
    if json:
        print_json({"alert": found.id, "steps": found.steps, "tellings": found.tellings})
        return
    _describe(found)
    turn = None
    for step in found.steps:
        if turn != (step.at, step.what):
            turn = (step.at, step.what)
            line()
            line(f"{when(step.at)}, {step.what}:")
        detail = f" ({step.detail})" if step.detail else ""
        line(f"  {step.stage:<12} {step.words or step.reason}{detail}")
    if not found.steps:
        line("Nothing was decided of it so far.")
    if found.tellings:
        line()
        for one in found.tellings:
            line(f"{one.what} through {one.channel} (route {one.route}): {_state(one)}")


@alerts.command()
def ack(
    numbers: Annotated[list[int], typer.Argument(metavar="ALERT...", min=1, help="Numbers of alerts.")],
    note: Annotated[str, typer.Option("--note", help="What you want to say.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take care of alerts: they are not told again."""
    with opened_books(config) as books:
        found = [books.alerts.acknowledge(number, note) for number in dict.fromkeys(numbers)]
    if json:
        print_json({"alerts": found})
        return
    for one in found:
        line(f"You take care of alert {one.id}: {one.rule}, {one.why}")


def _row(one: "AlertRow") -> tuple[str, ...]:
    name = one.rule if one.rule == one.subject else f"{one.rule} ({one.subject})"
    told = f"taken by {one.acknowledged_by}" if one.acknowledged else one.held or (when(one.told) if one.told else "no")
    return str(one.id), one.level, when(one.begin), when(one.end) if one.end else "", name, one.why[:80], told


def _describe(one: "AlertDetail") -> None:
    name = one.rule if one.rule == one.subject else f"{one.rule} ({one.subject})"
    line(f"Alert {one.id}: {name}, {one.level}")
    facts = {
        "why": one.why,
        "service": one.service,
        "since": when(one.begin),
        "over": when(one.end) if one.end else "",
        "cause": one.because_of,
        "taken": f"{when(one.acknowledged)} by {one.acknowledged_by}" if one.acknowledged else "",
        "note": one.note,
        "incident": str(one.incident or ""),
        "kept back": one.held,
    }
    for title, value in facts.items():
        if value:
            line(f"  {title:<9} {value}")


def _state(one: "TellingData") -> str:
    if one.notification is None:
        return f"is told with others at {when(one.due)}"
    words = {
        "sent": f"sent {when(one.sent) if one.sent else ''}"
        + (f" through {one.via}" if one.via and one.via != one.channel else ""),
        "waiting": "on its way" + (f": {one.error}" if one.error else ""),
        "dead": f"reached nobody: {one.error}",
        "moot": f"not sent: {one.error}",
        "folded": f"not sent by itself: {one.error}",
    }
    return f"{words.get(one.state or '', one.state or '')} (notification {one.notification})"
