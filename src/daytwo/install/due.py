"""`python -m daytwo.install.due EXPRESSION ZONE`: is it time, by a clock that cron does not go by?

Most crons know only the machine's own time zone, and no `sun#1`. Where a backup asks for more, cron starts this often
enough, and it ends with 0 in the minutes in which the backup is due and with 1 in all others.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from daytwo.core.schedule import Cron, occurrences, zone_of

MISUSED = 2
"""The exit code for an expression or a zone that is none."""


def is_due(cron: Cron, zone: str, now: datetime) -> bool:
    """Whether an occurrence falls into the minute of `now` (aware)."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    return any(True for _ in occurrences(cron, zone, minute - timedelta(seconds=1), minute))


def main(arguments: Sequence[str], now: datetime) -> int:
    """Answer by exit code: 0 due, 1 not due, 2 misused."""
    try:
        expression, zone = arguments
        zone_of(zone)
        return 0 if is_due(Cron(expression), zone, now) else 1
    except ValueError as error:
        sys.stderr.write(f"daytwo.install.due: {error}\n")
        return MISUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], datetime.now(UTC)))
