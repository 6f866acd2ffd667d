"""One record that data left the app, as it is handed in and as it is kept."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from daytwo.core.records import DataClass
from daytwo.ledger.audit.event import canonical
from daytwo.store.tables import utc_text

_MOST_ROWS = 10**12
_MOST_BYTES = 10**15


class Status(StrEnum):
    """How far an export has come. A record never changes: what was started and then completed has two."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


def _printable(value: str) -> str:
    if any(ord(letter) < 32 and letter not in "\n\t" for letter in value):
        raise ValueError("control characters have no place here")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("this is not whole Unicode text") from None
    return value


def _one_line(value: str) -> str:
    if "\n" in value or "\t" in value or not value.strip():
        raise ValueError("write one line of text")
    return value.strip()


_Text = Annotated[str, AfterValidator(_printable)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable), AfterValidator(_one_line)]


class Submission(BaseModel):
    """What is known of an export when it is reported."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    who: Name = Field(description="on whose behalf the data left: a person, a program")
    what: Name = Field(description="which data: a report, a table, a list")
    rows: int = Field(ge=0, le=_MOST_ROWS, description="how many rows")
    destination: Name = Field(description="where to: a person, a service, a file, a country")
    bytes: int = Field(default=0, ge=0, le=_MOST_BYTES, description="the size of the file")
    format: Annotated[_Text, Field(max_length=40)] = Field(default="", description="csv, xlsx, json, ...")
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = Field(
        default="", description="SHA-256 of the file, 64 hexadecimal digits"
    )
    data_class: DataClass = Field(default=DataClass.INTERNAL, description="how sensitive the data is")
    status: Status = Field(default=Status.COMPLETED, description="how far it has come")
    note: Annotated[_Text, Field(max_length=2000)] = Field(default="", description="why, or what went wrong")
    key: Name | None = Field(
        default=None, description="makes repeating safe: the same key and content give the same record, once"
    )


class ExportRecord(BaseModel):
    """An export as recorded; it never changes."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="the record's number; later records have higher ones")
    at: AwareDatetime = Field(description="when it was recorded, UTC")
    who: str
    what: str
    rows: int
    destination: str
    bytes: int
    format: str
    sha256: str
    data_class: DataClass
    status: Status
    note: str
    key: str | None
    event: int = Field(description="the number of the audit event that has its digest, in its data class's chain")
    digest: str = Field(description="SHA-256 of everything above but `event`, with app and environment")

    def says(self, given: Submission) -> bool:
        """Whether it says the same as what is handed in."""
        return all(getattr(self, name) == value for name, value in given)


DIGESTED = (
    "number", "app", "environment", "at", "who", "what", "rows", "destination", "bytes", "format", "sha256",
    "data_class", "status", "note", "key",
)  # fmt: skip
"""The columns that a record's digest is about."""


def digest_of(row: dict[str, object]) -> str:
    """The SHA-256 of a record's columns as stored, as JSON with sorted keys, without spaces, in ASCII."""
    return hashlib.sha256(canonical({name: row[name] for name in DIGESTED}).encode()).hexdigest()


def columns_of(given: Submission, number: int, place: tuple[str, str], at: datetime) -> dict[str, object]:
    """A new record's columns, as stored, without those about its event."""
    values: dict[str, object] = {
        **given.model_dump(mode="json"),
        "number": number,
        "app": place[0],
        "environment": place[1],
        "at": utc_text(at),
    }
    return {**values, "digest": digest_of(values)}
