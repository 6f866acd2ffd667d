"""`daytwo exports`: add, list, show, report."""

import contextlib
import hashlib
import sys
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from daytwo.cli.access import myself
from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, size, table, when
from daytwo.cli.records import ClassOption, LimitOption, SinceOption, UntilOption, moment
from daytwo.core.errors import UsageError
from daytwo.core.records import DataClass

if TYPE_CHECKING:
    from daytwo.config import Config
    from daytwo.ledger.exports import ExportRecord, Submission

E = TypeVar("E", bound=StrEnum)
exports = make("Record that data left the app; list, search, report.")

WhoOption = Annotated[str | None, typer.Option("--who", help="On whose behalf.")]
WhatOption = Annotated[str | None, typer.Option("--what", help="Which data.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Where to.")]
StatusOption = Annotated[str | None, typer.Option("--status", help="started, completed or failed.")]


@exports.command()
def add(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="Which data: a report, a table, a list.")],
    to: Annotated[str, typer.Option("--to", help="Where to: a person, a service, a place.")],
    rows: Annotated[int, typer.Option("--rows", help="How many rows.")],
    who: Annotated[str | None, typer.Option("--who", help="On whose behalf; yourself if absent.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="The file: its size and checksum are recorded.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="csv, xlsx, ...; the file's ending if absent.")] = None,
    data_class: Annotated[DataClass, typer.Option("--class", help="How sensitive it is.")] = DataClass.INTERNAL,
    status: Annotated[str, typer.Option("--status", help="started, completed or failed.")] = "completed",
    note: Annotated[str, typer.Option("--note", help="Why, or what went wrong.")] = "",
    key: Annotated[str | None, typer.Option("--key", help="Makes repeating safe: one record a key.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Record that data left the app."""
    size_of, digest = _read(file) if file else (0, "")
    me = myself()
    given = _submission(
        {
            "who": who or me.name,
            "what": what,
            "rows": rows,
            "destination": to,
            "bytes": size_of,
            "format": form if form is not None else file.suffix.removeprefix(".") if file else "",
            "sha256": digest,
            "data_class": data_class,
            "status": status,
            "note": note,
            "key": key,
        }
    )
    with opened_books(config) as books:
        added = books.record(given, me)
    if json:
        print_json({"new": added.new, **added.record.model_dump(mode="json")})
    elif added.new:
        line(f"Export {added.record.number} is recorded.")
    else:
        line(f"This is recorded already, as export {added.record.number}.")


@exports.command("list")
def list_them(
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="Words, or parts, it must have.")
    ] = None,
    who: WhoOption = None,
    what: WhatOption = None,
    to: ToOption = None,
    data_class: ClassOption = None,
    status: StatusOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 50,
    after: Annotated[str | None, typer.Option("--after", help="Continue below the export with this number.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print all of them as CSV.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List exports, the newest first."""
    from daytwo.ledger.exports import ExportFilter, Status

    words = " ".join(text or ()) or None
    with opened_books(config) as books:
        wanted = ExportFilter(
            who, what, to, data_class, _one_of(Status, status, "--status"),
            moment(since, "--since", books.config), moment(until, "--until", books.config), words,
        )  # fmt: skip
        if csv:
            sys.stdout.writelines(books.exports.csv(wanted))
            return
        found, following = books.exports.page(wanted, limit, after)
    if json:
        print_json({"exports": found, "next": following})
        return
    if not found:
        line("There are no such exports.")
        return
    rows = [
        (str(one.number), when(one.at), one.who, one.what, f"{one.rows:,}", one.destination, one.data_class, one.status)
        for one in found
    ]
    table(("EXPORT", "AT", "WHO", "WHAT", "ROWS", "TO", "CLASS", "STATUS"), rows, right=frozenset({0, 4}))
    if following:
        line(f"There are more: --after {following} shows the next ones, --csv all.")


@exports.command()
def show(
    number: Annotated[int, typer.Argument(metavar="EXPORT", help="The export's number.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show one export."""
    with opened_books(config) as books:
        one = books.exports.get(number)
    if json:
        print_json(one)
        return
    line(f"Export {one.number}: {one.what}, {one.rows:,} rows, to {one.destination}")
    line(f"  who       {one.who}")
    line(f"  recorded  {when(one.at)}, audit event {one.data_class}/{one.event}")
    line(f"  status    {one.status}")
    line(f"  class     {one.data_class}")
    for name, value in _rest(one):
        line(f"  {name:<9} {value}")


@exports.command()
def report(
    by: Annotated[str, typer.Option("--by", help="who, what, destination, class, status or month.")] = "who",
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Sum exports up: how many, with how many rows and bytes. Days are whole, in UTC."""
    from daytwo.ledger.exports import By

    with opened_books(config) as books:
        first, end = _day(since, "--since", books.config), _day(until, "--until", books.config, end=True)
        wanted = _one_of(By, by, "--by") or By.WHO
        found = books.exports.report(wanted, first, end - timedelta(days=1) if end else None, limit)
    if json:
        print_json(found)
        return
    rows = [(one.value, f"{one.exports:,}", f"{one.rows:,}", size(one.bytes)) for one in found.lines]
    rows.append(("in all", f"{found.exports:,}", f"{found.rows:,}", size(found.bytes)))
    table((by.upper(), "EXPORTS", "ROWS", "SIZE"), rows, right=frozenset({1, 2, 3}))


def _day(text: str | None, option: str, config: "Config", *, end: bool = False) -> date | None:
    """The day that somebody wrote, as the reports count days: in UTC, whatever the app's zone.

    Args:
        text: a day, a time or a length of time.
        option: where it was written.
        config: has the zone of times.
        end: the day after the last one that counts: one of which some counts, counts whole.
    """
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return date.fromisoformat(text)
    found = moment(text, option, config)
    assert found is not None
    return (found + timedelta(days=1) - timedelta(microseconds=1)).date() if end else found.date()


def _read(file: Path) -> tuple[int, str]:
    digest, length = hashlib.sha256(), 0
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):
                digest.update(chunk)
                length += len(chunk)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(file)) from None
    return length, digest.hexdigest()


def _submission(values: dict[str, object]) -> "Submission":
    from daytwo.cli.given import made_of
    from daytwo.ledger.exports import Submission

    return made_of(Submission, values)


def _one_of(kind: type[E], text: str | None, option: str) -> E | None:
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        words = ", ".join(str(one) for one in kind)
        raise UsageError(f"'{text}' is none of: {words}", where=option) from None


def _rest(one: "ExportRecord") -> list[tuple[str, str]]:
    size_of = f"{one.bytes:,} bytes" if one.bytes else ""
    pairs = (("format", one.format), ("size", size_of), ("sha256", one.sha256), ("key", one.key), ("note", one.note))
    return [(name, value) for name, value in pairs if value]
