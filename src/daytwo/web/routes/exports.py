"""Exports, the records that data left the app: `/api/exports`."""

from typing import Annotated

from fastapi import Depends, Header, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from daytwo.access.roles import Role
from daytwo.core.errors import UsageError
from daytwo.core.records import DataClass
from daytwo.ledger.exports import By, ExportFilter, ExportRecord, Exports, Status, Submission, Totals
from daytwo.web.envelope import Data, Failure, Page
from daytwo.web.house import Here, House
from daytwo.web.routes.audit import Time, Word, download
from daytwo.web.routing import After, Area, Day, Limit, Who

area = Area("exports", "/api/exports")
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,200}$", description="the same as `key` in the body"),
]
Text = Annotated[
    str | None,
    Query(max_length=200, pattern=r"^[^\x00-\x1f]*$", description="words, or parts of words, of three letters or more"),
]
_ADDED = {
    200: {"model": Data[ExportRecord], "description": "It was recorded before, with the same key and content."},
    409: {"model": Failure, "description": "The key was used for something else."},
}
_CSV = {200: {"content": {"text/csv": {}}, "description": "Exports, the newest first."}}


@area.post("", Role.OPERATOR, status_code=201, responses=_ADDED)
def add_export(
    body: Submission, who: Who, house: Here, response: Response, idempotency_key: Key = None
) -> Data[ExportRecord]:
    """Record an export. It is on the disk when this answers; with a key, repeating it is safe."""
    given = _with_key(body, idempotency_key)
    register = _register(house)
    added = house.writer.run(
        lambda connection: register.add(connection, given, actor=who.name, via=who.via, source=who.source)
    )
    response.status_code = 201 if added.new else 200
    return Data(data=added.record)


def _wanted(
    who: Word = None,
    what: Word = None,
    destination: Word = None,
    data_class: DataClass | None = None,
    status: Status | None = None,
    since: Time = None,
    until: Time = None,
    text: Text = None,
) -> ExportFilter:
    return ExportFilter(who, what, destination, data_class, status, since, until, text)


@area.get("", Role.VIEWER)
def list_exports(
    house: Here, wanted: Annotated[ExportFilter, Depends(_wanted)], limit: Limit = 50, after: After = None
) -> Page[ExportRecord]:
    """Exports, the newest first."""
    found, following = _register(house).page(wanted, limit, after)
    return Page(data=found, next=following)


@area.get(".csv", Role.VIEWER, response_class=StreamingResponse, responses=_CSV)
def export_csv(house: Here, wanted: Annotated[ExportFilter, Depends(_wanted)]) -> StreamingResponse:
    """All of them as CSV; text that a spreadsheet would take for a formula begins with an apostrophe."""
    register = _register(house)
    register.page(wanted, 1)  # what is wrong with the question must be known before the answer begins
    return download(register.csv(wanted), "text/csv", "exports.csv")


@area.get("/report", Role.VIEWER)
def report(
    house: Here,
    by: By = By.WHO,
    since: Annotated[Day | None, Query(description="the first day, UTC")] = None,
    until: Annotated[Day | None, Query(description="the last day, UTC")] = None,
    limit: Annotated[int, Query(ge=1, le=100_000, description="how many lines at most")] = 100,
) -> Data[Totals]:
    """How many exports, with how many rows and bytes, by person, data, destination, class, status or month."""
    return Data(data=_register(house).report(by, since, until, limit))


@area.get("/{number}", Role.VIEWER)
def show_export(
    number: Annotated[int, Path(ge=1, le=1 << 53), Field(description="the record's number")], house: Here
) -> Data[ExportRecord]:
    """One export."""
    return Data(data=_register(house).get(number))


def _register(house: House) -> Exports:
    config = house.current()
    return Exports(house.database, house.audit, config.app, config.environment, house.clock)


def _with_key(body: Submission, key: str | None) -> Submission:
    if key is None:
        return body
    if body.key not in (None, key):
        raise UsageError("the header Idempotency-Key and `key` in the body differ", hint="Give one of them")
    return body.model_copy(update={"key": key})
