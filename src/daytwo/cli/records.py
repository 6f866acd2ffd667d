"""What `daytwo audit` and `daytwo exports` share: options, and points in time as people write them."""

import contextlib
from datetime import UTC, datetime
from typing import Annotated

import typer

from daytwo.config import Config
from daytwo.core.errors import UsageError
from daytwo.core.records import DataClass
from daytwo.core.schedule import zone_of
from daytwo.core.units import Duration

_TIME = "a day (2026-11-21), a time (2026-11-21T08:30), or so long ago (7d)"
SinceOption = Annotated[str | None, typer.Option("--since", help=f"Not before: {_TIME}.")]
UntilOption = Annotated[str | None, typer.Option("--until", help=f"Before: {_TIME}.")]
ClassOption = Annotated[
    DataClass | None, typer.Option("--class", help="Only this data class: public, internal, confidential, restricted.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")]


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
