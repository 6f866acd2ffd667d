"""`daytwo uptime`: how much of the time everything worked."""

from typing import TYPE_CHECKING

from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, took

if TYPE_CHECKING:
    from daytwo.watch.views import UptimeData

uptime = make("How much of the time everything worked.")


@uptime.command()
def run(config: ConfigOption = None, json: JsonOption = False) -> None:
    """How much of the time everything worked: over 24 hours, 7, 30 and 90 days.

    Time of which nothing is known (nobody looked, our own line was down) counts neither way, and is shown.
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
    rows = [
        (name, *(_share(all[window]) for window in windows), _down(all[windows[0]]), _unknown(all[windows[-1]]))
        for name, all in found.items()
    ]
    head = ("CHECK", *windows, f"DOWN {windows[0]}", f"UNKNOWN {windows[-1]}")
    table(head, rows, right=frozenset(range(1, len(head))))


def _share(one: "UptimeData") -> str:
    if one.share is None:
        return "-"
    # Never rounded up: 100 % is only what had no failure.
    return f"{int(one.share * 100_000) / 1000:.3f} %"


def _down(one: "UptimeData") -> str:
    return f"{took(one.failed)} ({one.outages}x)" if one.outages else "-"


def _unknown(one: "UptimeData") -> str:
    whole = one.ok + one.failed + one.unknown
    return f"{100 * one.unknown / whole:.0f} %" if one.unknown else "-"
