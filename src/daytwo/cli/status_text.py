"""The words and colours of `daytwo status`."""

import sys
from collections.abc import Sequence
from datetime import datetime

from daytwo.cli.output import local
from daytwo.core.terminal import colours, harmless
from daytwo.core.units import Duration
from daytwo.ledger.glance import Glance, Wrong
from daytwo.protect.status import BackupStatus, Health

_MOST = 5
_COLOURS = {Health.OK: "32", Health.RUNNING: "34", Health.PAUSED: "33", Health.PARTIAL: "33", Health.NEVER: "33"}


def _out(text: str) -> None:
    sys.stdout.write(harmless(text, coloured=True))


def tell(app: str, environment: str, stands: Sequence[BackupStatus], seen: Glance, wrong: Wrong, now: datetime) -> None:
    """Print how everything stands."""
    out = _out
    out(f"{_bold(f'{app} ({environment})')}\n")
    _wrong(wrong, now)
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


def _wrong(wrong: Wrong, now: datetime) -> None:
    """What somebody has to look at before anything else; nothing when there is none of it."""
    out = _out
    if wrong.incidents:
        out(f"\n  {_bold('incidents')}\n")
    for incident in wrong.incidents[:_MOST]:
        taken = f"taken by {incident.acknowledged_by}" if incident.acknowledged_by else "nobody has taken it"
        since = _length((now - incident.opened).total_seconds())
        out(f"    {incident.id}  {incident.severity}  {incident.title}  for {since}, {taken}\n")
        if not incident.acknowledged_by:
            out(f"       daytwo incidents ack {incident.id}\n")
    if wrong.alerts:
        out(f"\n  {_bold('alerts')}\n")
    for alert in wrong.alerts[:_MOST]:
        taken = f", taken by {alert.acknowledged_by}" if alert.acknowledged_by else ""
        since = _length((now - alert.begin).total_seconds())
        out(f"    {alert.id}  {alert.level}  {alert.subject}: {alert.why}  for {since}{taken}\n")
    for name, found in (("incidents", wrong.incidents), ("alerts", wrong.alerts)):
        if len(found) > _MOST:
            out(f"    and more: daytwo {name}\n")
    if wrong.incidents or wrong.alerts:
        out("\n")


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
    return f"\033[1m{text}\033[0m" if colours(sys.stdout) else text


def _colour(health: Health) -> str:
    return f"\033[{_COLOURS.get(health, '31')};1m{health}\033[0m" if colours(sys.stdout) else str(health)
