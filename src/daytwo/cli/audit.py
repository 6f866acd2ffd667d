"""`daytwo audit`: list, show, verify, heads, export, prune."""

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from daytwo.cli.access import myself
from daytwo.cli.books import Books, opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when
from daytwo.cli.records import ClassOption, LimitOption, SinceOption, UntilOption, moment
from daytwo.core.errors import DaytwoError, ExitCode, UsageError
from daytwo.core.records import DataClass, Head

if TYPE_CHECKING:
    from daytwo.config import Config
    from daytwo.ledger.audit import Filter, Recorded, Verdict

audit = make("Who did what; prove that nobody changed the record.")

ActorOption = Annotated[str | None, typer.Option("--actor", help="Only by this one.")]
ActionOption = Annotated[
    str | None, typer.Option("--action", help="Only this action (token.create), or all of a noun's (token).")
]
SubjectOption = Annotated[str | None, typer.Option("--subject", help="Only what was done to this.")]


@audit.command("list")
def list_them(
    config: ConfigOption = None,
    actor: ActorOption = None,
    action: ActionOption = None,
    subject: SubjectOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    data_class: ClassOption = None,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """List events, the newest first."""
    with opened_books(config) as books:
        wanted = _filter(books.config, actor, action, subject, since, until, data_class)
        found, more = books.audit.page(wanted, limit)
    if json:
        print_json([_summary(one) for one in found])
        return
    if not found:
        line("There are no such events.")
        return
    rows = [(one.id, when(one.at), one.actor, one.via, one.action, one.subject, one.outcome) for one in found]
    table(("EVENT", "AT", "WHO", "VIA", "DID", "TO", "OUTCOME"), rows)
    if more:
        line(f"There are more: the newest {limit} are shown (--limit).")


@audit.command()
def show(
    wanted: Annotated[str, typer.Argument(metavar="EVENT", help="The event, such as internal/42.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show one event with its detail and its place in the chain."""
    with opened_books(config) as books:
        one = books.audit.get(wanted)
    if json:
        print_json(_summary(one))
        return
    line(f"Event {one.id}: {one.actor} {one.action} {one.subject}")
    line(f"  at        {when(one.at)}, via {one.via}{f' from {one.source}' if one.source else ''}")
    line(f"  outcome   {one.outcome}")
    line(f"  segment   {one.segment}")
    line(f"  previous  {one.previous}")
    line(f"  hash      {one.hash}")
    for name, value in sorted(one.detail.items()):
        line(f"  {name:<9} {value if isinstance(value, str) else json_module.dumps(value)}")


@audit.command()
def verify(
    config: ConfigOption = None,
    anchor: Annotated[
        list[Path] | None, typer.Option("--anchor", help="A file made by `daytwo audit heads` (repeatable).")
    ] = None,
    snapshots: Annotated[
        bool, typer.Option("--snapshots/--no-snapshots", help="Compare with the heads in the snapshots' manifests.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Find whatever was changed, removed, inserted, reordered or cut off; exit code 4 when something is found."""
    with opened_books(config) as books:
        anchors = [head for file in anchor or () for head in _anchors_in(file, books.config)]
        notes: list[str] = []
        if snapshots and isinstance(books, Books):
            anchors += _anchors_in_snapshots(config, notes)
        elif snapshots:
            notes.append("the heads in the snapshots were not compared: the state is not yours to open")
        verdict = books.audit.verify(anchors)
    if json:
        print_json({"whole": verdict.whole, **vars(verdict), "notes": notes})
    else:
        _tell(verdict, notes)
    if not verdict.whole:
        raise typer.Exit(ExitCode.NOT_VERIFIED)


@audit.command()
def heads(config: ConfigOption = None) -> None:
    """Print where each chain ends now; kept elsewhere, it proves later that nothing before was rewritten."""
    with opened_books(config) as books:
        found = books.audit.heads()
        print_json({"app": books.config.app, "environment": books.config.environment, "heads": found})


@audit.command()
def export(
    config: ConfigOption = None,
    actor: ActorOption = None,
    action: ActionOption = None,
    subject: SubjectOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    data_class: ClassOption = None,
    form: Annotated[Literal["jsonl", "csv"], typer.Option("--format", "-f", help="jsonl or csv.")] = "jsonl",
) -> None:
    """Print events as JSON lines or CSV, the oldest first."""
    with opened_books(config) as books:
        wanted = _filter(books.config, actor, action, subject, since, until, data_class)
        sys.stdout.writelines(books.audit.export(wanted, form))


@audit.command()
def prune(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Remove events and export records that are older than `records:` in the configuration allows."""
    from daytwo.app import utc_now

    who = myself()
    with opened_books(config) as books:
        gone = books.audit.prune(utc_now(), books.config.records, actor=who.name, via=who.via)
    if json:
        print_json(gone)
        return
    for one in gone:
        line(f"{one.chain}: segment {one.segment} with {one.events} events and {one.exports} exports is gone")
    if not gone:
        line("Nothing is old enough to be removed.")


def _filter(
    config: "Config",
    actor: str | None,
    action: str | None,
    subject: str | None,
    since: str | None,
    until: str | None,
    data_class: DataClass | None,
) -> "Filter":
    from daytwo.ledger.audit import Filter

    return Filter(
        actor, action, subject, moment(since, "--since", config), moment(until, "--until", config), data_class
    )


def _summary(one: "Recorded") -> dict[str, object]:
    return {"id": one.id, **vars(one)}


def _tell(verdict: "Verdict", notes: list[str]) -> None:
    for finding in verdict.findings:
        line(f"{finding}")
    for chain, count in verdict.unread.items():
        line(f"{chain}: {count:,} events after the first wrong one were not looked at.")
    compared = f"{verdict.anchors} heads kept elsewhere" if verdict.anchors else "no head kept elsewhere"
    line(f"{verdict.events} events, {verdict.exports} export records and {compared} were compared.")
    if verdict.out_of_reach:
        line(f"{verdict.out_of_reach} of those heads are about events that have been pruned since.")
    for note in notes:
        line(f"note: {note}")
    if verdict.whole:
        line("The record is whole.")
        if not verdict.anchors:
            line("Whether it was written anew as a whole, only heads kept elsewhere can tell: `daytwo audit heads`.")


def _anchors_in(file: Path, config: "Config") -> tuple[Head, ...]:
    try:
        document = json_module.loads(file.read_text(encoding="utf-8"))
        place = (document["app"], document["environment"])
        found = tuple(Head.model_validate(one) for one in document["heads"])
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(file)) from None
    except (ValueError, KeyError, TypeError):
        raise UsageError("this is not what `daytwo audit heads` printed", where=str(file)) from None
    if place != (config.app, config.environment):
        raise UsageError(f"these are heads of {place[0]}/{place[1]}, another app", where=str(file))
    return found


def _anchors_in_snapshots(config: Path | None, notes: list[str]) -> list[Head]:
    """The heads in every manifest that can be read; a repository that cannot be reached is told."""
    from daytwo.cli.session import session

    found: list[Head] = []
    with session(config, quiet=True) as app, app.look("audit") as run:
        own = (app.config.app, app.config.environment)
        for name, repository in app.bench.repositories.items():
            try:
                manifests = [one.manifest for one in repository.snapshots(run)]
            except DaytwoError as error:
                notes.append(f"repository {name} could not be read, so its heads were not compared: {error.what}")
                continue
            found += [head for one in manifests if (one.app, one.environment) == own for head in one.audit]
    return list(dict.fromkeys(found))
