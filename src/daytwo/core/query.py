"""A number that a query of the configuration gives: its settings, and what its answer means."""

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from daytwo.core.check import Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.errors import CommandError, SourceError, UnreachableError
from daytwo.core.reading import number, one_line
from daytwo.core.run import Run
from daytwo.core.units import Duration

_UNITS = {"": Unit.COUNT, "s": Unit.SECONDS, "B": Unit.BYTES, "ratio": Unit.RATIO, "/s": Unit.PER_SECOND}
_LATER = 0.5
"""Seconds of its time that a query leaves for the way to the server and back."""

QueryName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=40)]
"""What a query is called; its check is `SERVICE.NAME`."""


class Query(BaseModel):
    """A query whose answer is one number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sql: str = Field(description="one SELECT that returns one row with one number; it cannot change anything")
    every: Duration = Field(default=Duration(300), gt=0, description="how long from one answer to the next")
    timeout: Duration = Field(default=Duration(10), gt=0, description="how long it may take")
    unit: Literal["", "s", "B", "ratio", "/s"] = Field(
        default="", description="what the number counts: seconds, bytes, a fraction of one, times a second"
    )
    failures: int = Field(default=3, ge=1, description="failed observations in a row that are an alert")

    @field_validator("sql")
    @classmethod
    def _a_statement(cls, value: str) -> str:
        bare = value.strip().rstrip(";").rstrip()
        if not bare:
            raise ValueError("write a query, like `select count(*) from jobs`")
        if "\0" in bare:
            raise ValueError("a query cannot hold the character NUL")
        return bare

    @property
    def timing(self) -> Timing:
        """When it is asked."""
        return Timing(every=float(self.every), timeout=float(self.timeout), failures=self.failures)

    @property
    def patience(self) -> int:
        """Milliseconds after which the server itself is to end it."""
        seconds = float(self.timeout)
        return max(1, round(max(seconds - _LATER, seconds / 2) * 1000))

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What its check takes."""
        return (
            Measure("value", _UNITS[self.unit], "the query's answer"),
            Measure("duration", Unit.SECONDS, "until the answer was there"),
        )


def reserved(queries: Sequence[str], taken: Sequence[str]) -> None:
    """Refuse queries that are called as a check that the kind has anyway.

    Raises:
        ValueError: one is.
    """
    if doubled := sorted(set(queries) & set(taken)):
        raise ValueError(f"queries: {', '.join(doubled)} is the name of a check that this kind has; choose another")


def answer(rows: Sequence[Sequence[object]], duration: float) -> Observation:
    """What the answer of a query means.

    Args:
        rows: its first rows; two are enough to see that there are too many.
        duration: seconds that it took.
    """
    took = {"duration": duration}
    if len(rows) != 1:
        said = "returns no row" if not rows else "returns several rows"
        return Observation.failed(f"the query {said}; it must return one number", took)
    (row,) = rows
    if len(row) != 1:
        return Observation.failed(f"the query returns {len(row)} columns; it must return one number", took)
    (value,) = row
    if value is None:
        return Observation.failed("the query returns NULL; write coalesce(..., 0) if that is a number here", took)
    found = float(value) if isinstance(value, bool) else number(value)
    if found is None:  # what it is instead may be somebody's name
        return Observation.failed("the query returns something that is no finite number", took)
    return Observation.ok({"value": found} | took)


class QueryCheck(ProgramCheck):
    """What a query of the configuration returns; a kind says how it is asked.

    Args:
        name: the check's.
        service: whom it asks.
        query: what.
    """

    about = "a number that a query returns"

    def __init__(self, name: str, service: str, query: Query) -> None:
        super().__init__(name, service, query.timing)
        self.measures = query.measures
        self.query = query

    @abstractmethod
    def rows(self, run: Run) -> Sequence[Sequence[object]]:
        """The first rows of its answer, read so that nothing can be changed.

        Raises:
            SourceError, UnreachableError: there is nobody to ask; the service's first check tells that.
            CommandError: see `refused`.
        """

    @abstractmethod
    def refused(self, error: CommandError) -> Observation:
        """What it means that the query was not carried out."""

    def look(self, run: Run) -> Observation:
        """Ask."""
        begun = time.monotonic()
        try:
            rows = self.rows(run)
        except (SourceError, UnreachableError) as error:
            return Observation.inconclusive(one_line(str(error)))
        except CommandError as error:
            return self.refused(error)
        return answer(rows, time.monotonic() - begun)
