"""What `daytwo audit` and `daytwo exports` share: the opened records, and points in time as people write them."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.output import use_zone
from daytwo.config import Config
from daytwo.core.errors import RefusedError, UsageError
from daytwo.core.records import DataClass
from daytwo.core.schedule import zone_of
from daytwo.core.units import Duration

if TYPE_CHECKING:
    from daytwo.ledger.audit import Audit
    from daytwo.ledger.exports import Exports
    from daytwo.store.database import Database

_TIME = "a day (2026-11-21), a time (2026-11-21T08:30), or so long ago (7d)"
SinceOption = Annotated[str | None, typer.Option("--since", help=f"Not before: {_TIME}.")]
UntilOption = Annotated[str | None, typer.Option("--until", help=f"Before: {_TIME}.")]
ClassOption = Annotated[
    DataClass | None, typer.Option("--class", help="Only this data class: public, internal, confidential, restricted.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")]


@dataclass(frozen=True)
class Books:
    """The records of an app, opened."""

    config: Config
    database: "Database"
    audit: "Audit"
    exports: "Exports"


@contextlib.contextmanager
def opened_books(config: Path | None) -> Iterator[Books]:
    """Open the state to read and add records; the daemon need not run.

    Raises:
        ConfigError, RefusedError
    """
    from sqlalchemy.exc import DBAPIError

    from daytwo.app import utc_now
    from daytwo.config import glimpse
    from daytwo.ledger.audit import Audit
    from daytwo.ledger.exports import Exports
    from daytwo.store.database import open_database
    from daytwo.store.url import StateUrl

    loaded = glimpse(config)
    use_zone(zone_of(loaded.timezone))
    url = StateUrl.of(loaded)
    with contextlib.closing(open_database(url)) as database:
        audit = Audit(database, loaded.app, loaded.environment, utc_now)
        try:
            yield Books(loaded, database, audit, Exports(database, audit, loaded.app, loaded.environment, utc_now))
        except DBAPIError as error:
            said = str(error.orig).strip().splitlines()[0]
            raise RefusedError(
                f"the state {url} cannot be used: {said}; nothing was recorded",
                hint="Look at its disk and its rights, then do it again",
            ) from None


def moment(text: str | None, option: str, config: Config) -> datetime | None:
    """A point in time that somebody wrote, in the app's zone unless it says otherwise.

    Args:
        text: `2026-11-21`, `2026-11-21T08:30`, or a length of time for so long ago.
        option: where it was written.
        config: has the zone.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        with contextlib.suppress(ValueError, OverflowError):
            return datetime.now(UTC) - Duration.parse(text).delta
        raise UsageError(f"'{text}' is no point in time", where=option, hint=f"Write {_TIME}") from None
    return (found if found.tzinfo else found.replace(tzinfo=zone_of(config.timezone))).astimezone(UTC)
