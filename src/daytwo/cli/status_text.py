"""The words and colours of `daytwo status`."""

import sys
from collections.abc import Sequence
from datetime import datetime

from daytwo.cli.output import local
from daytwo.core.units import Duration
from daytwo.ledger.glance import Glance
from daytwo.protect.status import BackupStatus, Health

_COLOURS = {Health.OK: "32", Health.RUNNING: "34", Health.PAUSED: "33", Health.PARTIAL: "33", Health.NEVER: "33"}


def tell(app: str, environment: str, stands: Sequence[BackupStatus], seen: Glance, now: datetime) -> None:
    """Print how everything stands."""
    out = sys.stdout.write
    out(f"{_bold(f'{app} ({environment})')}\n")
    if not stands:
        out("  no backups are configured; add one under `backups:`\n")
    for one in stands:
        out(f"\n  {_bold(one.name)}  {_colour(one.health)}\n")
        if one.health is not Health.OK:
            out(f"    {one.why}\n")
        if one.last:
            places = ", ".join(f"{name} ({level})" for name, level in one.repositories)
            out(f"    newest   {one.last.id}  {_ago(one.last.at, now)}  {_size(one.last.size)}  in {places}\n")
        if one.due:
            out(f"    due      {local(one.due):%a %Y-%m-%d %H:%M %Z}, in {_length((one.due - now).total_seconds())}\n")
    if seen.runs:
        out(f"\n  {_bold('recent runs')}\n")
    for run in seen.runs[:5]:
        took = f"{(run.ended - run.begun).total_seconds():.0f} s" if run.ended else ""
        out(f"    {local(run.begun):%Y-%m-%d %H:%M}  {run.kind} {run.subject}  {run.outcome}  {took}\n")


def _ago(then: datetime, now: datetime) -> str:
    return f"{_length((now - then).total_seconds())} ago"


def _length(seconds: float) -> str:
    """The two largest units."""
    text = str(Duration(max(0, round(seconds))))
    parts: list[str] = []
    for sign in text:
        if sign.isdigit() and (not parts or not parts[-1][-1].isdigit()):
            parts.append(sign)
        else:
            parts[-1] += sign
    return " ".join(parts[:2])


def _size(size: int) -> str:
    from daytwo.core.units import Size

    return Size(size).human


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def _colour(health: Health) -> str:
    return f"\033[{_COLOURS.get(health, '31')};1m{health}\033[0m" if sys.stdout.isatty() else str(health)
