"""`daytwo evidence`: collect what was there into a sealed archive; verify one."""

import json as json_
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel

from daytwo.cli.access import myself
from daytwo.cli.books import Books, opened_books
from daytwo.cli.incident_books import made
from daytwo.cli.options import ConfigOption, JsonOption, KeyOption, make
from daytwo.cli.output import line, print_json, size
from daytwo.cli.records import moment

if TYPE_CHECKING:
    from daytwo.cli.afar import Afar
    from daytwo.config import Config
    from daytwo.respond.evidence import Piece, Sealed
    from daytwo.respond.incidents.model import Detail

evidence = make("Collect logs, states and records into a sealed archive; verify one.")

_MANY = 10_000
_RUNS = 500
_BEFORE = timedelta(hours=2)


@evidence.command()
def collect(
    output: Annotated[Path, typer.Option("--output", "-o", help="The archive to write: evidence.tar.gz.")],
    incident: Annotated[int | None, typer.Option("--incident", min=1, help="Of this incident.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Not before: 24h, a day, a time; 2 h before the incident if absent.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Not encrypted, although there are recipients.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Seal logs, the state of checks, settings without secrets, security events and the audit trail.

    With recovery recipients in the configuration it is encrypted to them, and its name ends with .age.
    """
    from daytwo.app import utc_now
    from daytwo.config import load
    from daytwo.respond.evidence import seal

    loaded, now, me = load(config), utc_now(), myself()
    recipients = () if plain else loaded.recovery.recipients
    path = output if not recipients or output.suffix == ".age" else output.with_name(f"{output.name}.age")
    with opened_books(config) as books:
        about = books.incidents.get(incident) if incident else None
        begin = moment(since, "--since", loaded) or (
            about.incident.began - _BEFORE if about else now - timedelta(days=1)
        )
        notes: list[str] = []
        pieces = _pieces(loaded, books, about, begin, now, notes)
        made_ = seal(_with_notes(pieces, notes, me.name, begin, now), path, recipients, now)
        _record(books, made_, incident, me.name)
    if json:
        print_json({**vars(made_), "notes": notes})
        return
    line(f"{made_.path}: {len(made_.files)} files, {size(made_.size)}{', encrypted' if made_.encrypted else ''}")
    line(f"  sha256 {made_.sha256}")
    for one in notes:
        line(f"  {one}")


@evidence.command()
def verify(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="The archive.")],
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Read evidence again: every file must be as it was sealed; its checksum is to be that of its record."""
    from daytwo.cli.session import read_keys
    from daytwo.respond.evidence import check

    found = check(archive, read_keys(key))
    if json:
        print_json(vars(found))
        return
    line(f"{len(found.files)} files are as they were sealed.")
    line(f"  sha256 {found.sha256}")
    line("  The same checksum must be in its record: `daytwo exports list evidence`")


def _record(books: "Books | Afar", made_: "Sealed", incident: int | None, by: str) -> None:
    """In the audit trail, as an export, for data has left the app; and in the incident's timeline."""
    from daytwo.core.records import DataClass
    from daytwo.ledger.exports import Submission
    from daytwo.respond.incidents.orders import Evidence

    of = f" of incident {incident}" if incident else ""
    given = made(
        Submission, who=by, what=f"evidence{of}", rows=len(made_.files), destination=str(made_.path)[-200:],
        bytes=made_.size, format="age" if made_.encrypted else "tar.gz", sha256=made_.sha256,
        data_class=DataClass.RESTRICTED,
    )  # fmt: skip
    books.record(given, myself())
    if incident:
        order = made(Evidence, name=made_.path.name[-200:], sha256=made_.sha256, files=len(made_.files))
        books.incidents.act(incident, order, myself())


def _pieces(
    config: "Config", books: "Books | Afar", about: "Detail | None", begin: datetime, now: datetime, notes: list[str]
) -> "Iterator[Piece]":
    from daytwo.config.show import show
    from daytwo.ledger.audit import Filter
    from daytwo.respond.evidence import Piece
    from daytwo.watch.security.event import EventFilter

    yield Piece("config.yaml", [show(config).encode()])
    if about is not None:
        yield Piece("incident.json", [_json(about)])
        yield Piece("review.md", [books.incidents.review(about.incident.number).encode()])
    yield Piece("checks.json", [_json(books.views.checks())])
    yield Piece("alerts.json", [_json(books.views.alerts("all"))])
    runs = [one for one in books.runs.latest(limit=_RUNS) if one.begun >= begin]
    _cut("runs.json", len(runs) == _RUNS, _RUNS, notes)
    yield Piece("runs.json", [_json([vars(one) for one in runs])])
    events, more = books.security.events(EventFilter(since=begin), _MANY)
    _cut("security-events.json", more is not None, _MANY, notes)
    yield Piece("security-events.json", [_json(events)])
    findings, more = books.security.findings("all", _MANY)
    _cut("security-findings.json", more is not None, _MANY, notes)
    yield Piece("security-findings.json", [_json(findings)])
    wanted = Filter(since=begin, until=now)
    yield Piece("audit.jsonl", (text.encode("utf-8", "replace") for text in books.audit.export(wanted)))
    yield Piece("audit-heads.json", [_json(books.audit.heads())])
    yield from _logs(config, begin, now, notes)


def _cut(name: str, more: bool, most: int, notes: list[str]) -> None:
    """Say that a file has not all there was: evidence that misses something must not look whole."""
    if more:
        notes.append(f"{name} has the newest {most:,}, and there are more")


def _logs(config: "Config", begin: datetime, now: datetime, notes: list[str]) -> "Iterator[Piece]":
    from daytwo.app import utc_now
    from daytwo.respond.evidence import Piece
    from daytwo.watch.logs.following import follower_of
    from daytwo.watch.logs.live import past
    from daytwo.watch.logs.masking import mask
    from daytwo.watch.logs.records import moment as moment_of
    from daytwo.watch.logs.sources import logs_of

    def lines(follower: Any) -> Iterator[bytes]:
        for said in past([follower], begin, now, None, lambda name, why: notes.append(f"the log {name}: {why}")):
            yield f"{moment_of(said.line.at).isoformat()} {mask(said.line.text)}\n".encode("utf-8", "replace")

    for name, source in logs_of(config).items():
        follower = follower_of(source, "", config.folder / ".daytwo" / "logs", utc_now)
        yield Piece(f"logs/{name}.log", lines(follower))


def _with_notes(
    pieces: "Iterable[Piece]", notes: list[str], by: str, begin: datetime, now: datetime
) -> "Iterator[Piece]":
    """At last, what is to be known of all the others."""
    from daytwo.respond.evidence import Piece

    yield from pieces
    told = {"collected": now, "by": by, "since": begin, "notes": notes}
    yield Piece("about.json", [_json(told)])


def _json(value: object) -> bytes:
    def plain(one: object) -> object:
        if isinstance(one, BaseModel):
            return one.model_dump(mode="json")
        return one.isoformat() if isinstance(one, datetime) else str(one)

    return json_.dumps(value, indent=1, default=plain, ensure_ascii=False).encode("utf-8", "replace")
