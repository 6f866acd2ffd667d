"""`daytwo uptime`: how much of the time everything worked, and what was promised."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, took
from daytwo.core.shown import lasting, share

if TYPE_CHECKING:
    from daytwo.watch.reports import UptimeData

uptime = make("How much of the time everything worked, and what was promised.")


@uptime.command()
def run(config: ConfigOption = None, json: JsonOption = False) -> None:
    """How much of the time everything worked: over 24 hours, 7, 30 and 90 days; `!` marks a broken objective.

    Time of which nothing is known (nobody looked, our own line was down), maintenance and time outside business hours
    count neither way, and are shown: the last columns are of the longest window. LEFT is what may still fail of it.
    """
    with opened_books(config) as books:
        found = books.views.uptimes()
    if json:
        print_json(found)
        return
    if not found:
        line("Nothing has been observed yet: `daytwo serve` watches, `daytwo check` looks once.")
        return
    windows = list(next(iter(found.values())))
    longest = windows[-1]
    columns = ["CHECK", *windows, f"DOWN {windows[0]}", f"UNKNOWN {longest}"]
    optional: dict[str, Callable[[UptimeData], str]] = {
        f"MAINTENANCE {longest}": lambda one: _part(one, one.maintenance),
        f"CLOSED {longest}": lambda one: _part(one, one.closed),
        "OBJECTIVE": lambda one: share(one.objective) if one.objective is not None else "-",
        f"LEFT {longest}": lambda one: "-" if one.left is None else lasting(one.left),
    }
    rows = []
    for name, all in found.items():
        last = all[longest]
        shares = [f"{share(all[one].share)}{'!' if all[one].met is False else ''}" for one in windows]
        rows.append([name, *shares, _down(all[windows[0]]), _part(last, last.unknown)])
    for title, cell in optional.items():
        cells = [cell(all[longest]) for all in found.values()]
        if any(one != "-" for one in cells):
            columns.append(title)
            rows = [[*row, one] for row, one in zip(rows, cells, strict=True)]
    table(columns, rows, right=frozenset(range(1, len(columns))))


def _down(one: "UptimeData") -> str:
    return f"{took(one.failed)} ({one.outages}x)" if one.outages else "-"


def _part(one: "UptimeData", seconds: float) -> str:
    whole = one.ok + one.failed + one.unknown + one.maintenance + one.closed
    return f"{100 * seconds / whole:.0f} %" if seconds else "-"
