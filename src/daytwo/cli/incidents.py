"""`daytwo incidents`: list, open, take, resolve, review; action items."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.access import myself
from daytwo.cli.books import opened_books
from daytwo.cli.incident_books import made
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when
from daytwo.core.terminal import harmless

if TYPE_CHECKING:
    from daytwo.respond.incidents.model import Detail, Incident, Summary, Target
    from daytwo.respond.incidents.orders import Order

incidents = make("Open, take, escalate, resolve and review incidents; action items.")
action = make("Action items: what is to be done so that it does not happen again.")
incidents.add_typer(action, name="action")

NumberArgument = Annotated[int, typer.Argument(metavar="INCIDENT", min=1, help="The incident's number.")]
AllOption = Annotated[bool, typer.Option("--all", "-a", help="Also those that are resolved.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why.")]


@incidents.callback(invoke_without_command=True)
def overview(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List incidents that are not over, or do something with one."""
    if not ctx.invoked_subcommand:
        list_them(config=config, json=json)


@incidents.command("list")
def list_them(
    all: AllOption = False, limit: LimitOption = 50, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """List incidents, the newest first."""
    with opened_books(config) as books:
        found = books.incidents.all(over=all, limit=limit)
    if json:
        print_json({"incidents": found})
        return
    if not found:
        line("There are no incidents." if all else "There is no incident that is not over.")
        return
    table(("INCIDENT", "SEVERITY", "STATE", "OPENED", "WHO", "TAKEN", "TITLE"), [_row(one) for one in found])


@incidents.command()
def show(number: NumberArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show all of an incident: timeline, checklists, escalation, and what was changed shortly before."""
    with opened_books(config) as books:
        found = books.incidents.get(number)
    if json:
        print_json(found)
        return
    _describe(found)


@incidents.command("open")
def open_one(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="One line: what is wrong.")],
    severity: Annotated[str, typer.Option("--severity", "-s", help="How bad it is: P1, P2, ...")],
    service: Annotated[list[str] | None, typer.Option("--service", help="What it touches; can be repeated.")] = None,
    category: Annotated[
        str, typer.Option("--class", help="Of a security incident: breach, key-exposure, abuse, ...")
    ] = "",
    public: Annotated[
        bool | None, typer.Option("--public/--private", help="On the status page; as its severity says if absent.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="What is known.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Open an incident by hand; whoever is on call is told as its severity says."""
    from daytwo.respond.incidents.orders import Open

    order = made(
        Open, title=title, severity=severity, services=tuple(service or ()), category=category, public=public, note=note
    )
    with opened_books(config) as books:
        found, daemon = books.incidents.open(order, myself()), books.daemon
    _tell(found, f"Incident {found.number} is open: {found.severity}, {found.title}", json)
    if not daemon and not json:
        line("No daemon runs here: it does not escalate until one does. `daytwo serve`")


@incidents.command()
def ack(number: NumberArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Take an incident: it does not escalate any more, and its alerts are not repeated."""
    from daytwo.respond.incidents.orders import Acknowledge

    found = _act(config, number, Acknowledge())
    _tell(found, f"Incident {number} is acknowledged by {found.acknowledged_by}.", json)


@incidents.command()
def assign(
    number: NumberArgument,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="A person of the configuration.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say who takes care of an incident; they are told."""
    from daytwo.respond.incidents.orders import Assign

    _tell(_act(config, number, made(Assign, person=person)), f"Incident {number} is assigned to {person}.", json)


@incidents.command()
def note(
    number: NumberArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What happened, what was tried.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write something down in the timeline."""
    from daytwo.respond.incidents.orders import Note

    _tell(_act(config, number, made(Note, text=text)), "It is in the timeline.", json)


@incidents.command()
def severity(
    number: NumberArgument,
    grade: Annotated[str, typer.Argument(metavar="SEVERITY", help="How bad it is: P1, P2, ...")],
    why: WhyOption,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Change the severity; the escalation follows."""
    from daytwo.respond.incidents.orders import Regrade

    _tell(_act(config, number, made(Regrade, severity=grade, why=why)), f"Incident {number} is {grade} now.", json)


@incidents.command()
def tick(
    number: NumberArgument,
    item: Annotated[int, typer.Argument(metavar="LINE", help="The line's number, as `show` has it.")],
    undo: Annotated[bool, typer.Option("--undo", help="It is not done after all.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tick a line of the checklists."""
    from daytwo.respond.incidents.orders import Tick

    found = _act(config, number, made(Tick, item=item, ticked=not undo))
    _tell(found, f"Line {item} is {'open again' if undo else 'ticked'}.", json)


@incidents.command()
def update(
    number: NumberArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What users are told.")],
    phase: Annotated[str, typer.Option("--as", help="investigating, identified, monitoring or resolved.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tell users how things stand; the status page shows it while the incident is public."""
    from daytwo.respond.incidents.orders import Update

    found = _act(config, number, made(Update, phase=phase, text=text))
    hidden = "" if found.public else f" Nobody sees it yet: `daytwo incidents publish {number}`"
    _tell(found, f"The update is in the timeline.{hidden}", json)


@incidents.command()
def publish(
    number: NumberArgument,
    off: Annotated[bool, typer.Option("--off", help="Not any more.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show an incident on the status page, or not any more."""
    from daytwo.respond.incidents.orders import Publish

    found = _act(config, number, Publish(public=not off))
    _tell(found, f"Incident {number} is {'not ' if off else ''}on the status page.", json)


@incidents.command()
def resolve(
    number: NumberArgument,
    cause: Annotated[str, typer.Option("--cause", help="Why it happened, as far as it is known.")],
    anyway: Annotated[bool, typer.Option("--anyway", help="Although lines of its checklist are open.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say that an incident is over; asks for what the resolution checklist leaves open."""
    from daytwo.core.errors import ConflictError
    from daytwo.respond.incidents.orders import Resolve

    order = made(Resolve, cause=cause, anyway=anyway)
    try:
        found = _act(config, number, order)
    except ConflictError as error:
        if anyway or "has open lines" not in error.what or json or not sys.stdin.isatty():
            raise
        line(f"{error.what[:1].upper()}{error.what[1:]}")
        if not typer.confirm("Is it resolved all the same?"):
            raise
        found = _act(config, number, order.model_copy(update={"anyway": True}))
    _tell(found, f"Incident {number} is resolved. Its review: `daytwo incidents review {number}`", json)


@incidents.command()
def reopen(number: NumberArgument, why: WhyOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say that an incident is not over; its escalation begins anew."""
    from daytwo.respond.incidents.orders import Reopen

    _tell(_act(config, number, made(Reopen, why=why)), f"Incident {number} is open again.", json)


@incidents.command()
def review(number: NumberArgument, config: ConfigOption = None) -> None:
    """Print a draft of an incident's review, in Markdown."""
    with opened_books(config) as books:
        sys.stdout.write(harmless(books.incidents.review(number)))


@incidents.command()
def report(
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="Incidents of so many days.")] = 30,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """How fast incidents were taken (MTTA) and resolved (MTTR), by severity."""
    with opened_books(config) as books:
        found = books.incidents.figures(days)
    if json:
        print_json(found)
        return
    rows = [
        (one.severity, str(one.incidents), str(one.open), _mean(one.mtta), _mean(one.mttr), str(one.late))
        for one in found.grades
    ]
    table(("SEVERITY", "INCIDENTS", "OPEN", "MTTA", "MTTR", "LATE"), rows, right=frozenset({1, 2, 3, 4, 5}))


@action.command("add")
def add_action(
    number: NumberArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be done.")],
    owner: Annotated[str, typer.Option("--owner", help="Who does it: a person of the configuration.")],
    due: Annotated[str, typer.Option("--due", help="The day by which it is to be done: 2026-12-24.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Add an action item; its owner is reminded the day before, and when it is overdue."""
    from daytwo.respond.incidents.orders import AddAction

    found = _act(config, number, made(AddAction, text=text, owner=owner, due=due))
    _tell(found, f"It is noted: {owner} until {due}.", json)


@action.command("done")
def finish_action(
    number: Annotated[int, typer.Argument(metavar="ACTION", min=1, help="The action item's number.")],
    config: ConfigOption = None,
) -> None:
    """Say that an action item is done."""
    with opened_books(config) as books:
        books.incidents.finish(number, myself())
    line(f"Action {number} is done.")


@action.command("list")
def list_actions(
    all: Annotated[bool, typer.Option("--all", "-a", help="Also those that are done.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List action items, the first to be due first."""
    with opened_books(config) as books:
        found = books.incidents.actions(done=all)
    if json:
        print_json({"actions": found})
        return
    if not found:
        line("There is nothing to be done.")
        return
    rows = [
        (str(one.number), "done" if one.done else "overdue" if one.overdue else "open", str(one.due), one.owner,
         str(one.incident), one.text)
        for one in found
    ]  # fmt: skip
    table(("ACTION", "STATE", "DUE", "OWNER", "INCIDENT", "WHAT"), rows)


def _act(config: Path | None, number: int, order: "Order") -> "Incident":
    with opened_books(config) as books:
        return books.incidents.act(number, order, myself())


def _tell(found: "Incident", said: str, json: bool) -> None:
    if json:
        print_json(found)
    else:
        line(said)


def _row(one: "Summary") -> tuple[str, ...]:
    incident = one.incident
    who = incident.assigned or incident.acknowledged_by or "nobody"
    return (
        str(incident.number), incident.severity, incident.state, when(incident.opened), who, _target(one.respond),
        incident.title,
    )  # fmt: skip


def _target(target: "Target | None") -> str:
    from daytwo.respond.incidents.words import lasting

    if target is None:
        return "-"
    took, within = (lasting(timedelta(seconds=value)) for value in (target.took, target.within))
    if target.done:
        return f"after {took}{' (late)' if target.missed else ''}"
    return f"overdue: {took} of {within}" if target.missed else f"not yet: {took} of {within}"


def _mean(seconds: float | None) -> str:
    from daytwo.respond.incidents.words import lasting

    return "-" if seconds is None else lasting(timedelta(seconds=seconds))


def _describe(found: "Detail") -> None:
    one = found.incident
    line(f"Incident {one.number}, {one.severity}, {one.state}: {one.title}")
    pairs = (
        ("services", ", ".join(one.services)), ("class", one.category), ("began", when(one.began)),
        ("opened", f"{when(one.opened)} by {one.opened_by}"),
        ("taken", f"{_target(found.respond)}{f' by {one.acknowledged_by}' if one.acknowledged_by else ''}"),
        ("resolved", f"{when(one.resolved)} by {one.resolved_by}" if one.resolved else ""),
        ("in time", _target(found.resolve) if found.resolve else ""), ("assigned", one.assigned), ("cause", one.cause),
        ("public", "on the status page" if one.public else ""), ("next", found.suggestion),
    )  # fmt: skip
    for name, value in pairs:
        if value:
            line(f"  {name:<9} {value}")
    _section("Alerts", [f"{a.rule} ({a.subject}): {'over' if a.over else a.level}, {a.why}" for a in found.joined])
    _section(
        "Checklists", [f"[{'x' if i.ticked else ' '}] {i.number} {i.text} {_by(i.ticked_by)}" for i in found.items]
    )
    waiting = [level for level in found.levels if level.done is None and level.stopped is None]
    _section("Escalates next", [f"{when(level.due)} to {', '.join(level.names)}" for level in waiting])
    _section("Can be done", found.containment)
    _section("Changed shortly before", [f"{when(e.at)} {e.text} {_by(e.by)}" for e in found.changes[:20]])
    _section("Action items", [f"{a.number} {a.text} ({a.owner}, {a.due})" for a in found.actions])
    told = [f"{when(e.at)} {e.what}{f': {e.text}' if e.text else ''} {_by(e.by)}" for e in found.timeline]
    _section("Timeline", told)


def _by(name: str) -> str:
    return f"({name})" if name else ""


def _section(title: str, lines: "list[str] | tuple[str, ...]") -> None:
    if lines:
        line(f"{title}:")
        for one in lines:
            line(f"  {one.rstrip()}")
