"""`daytwo traffic`: requests as access logs tell of them, by log and by route."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.numbers import shown
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table
from daytwo.core.check import Unit

if TYPE_CHECKING:
    from daytwo.watch.traffic.views import LogTraffic, TrafficData

traffic = make("Requests by log and by route: how many, how fast, how many failed.")


@traffic.command()
def run(
    name: Annotated[str | None, typer.Argument(help="An access log, to see its routes; all logs.")] = None,
    since: Annotated[str, typer.Option("--since", help="How far back: 15m, 1h, 7d.")] = "1h",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Requests as access logs tell of them: how many, how fast, how many failed; the worst first.

    USERS is how many different ones there were in a minute, on average.
    """
    with opened_books(config) as books:
        if name is None:
            logs = books.traffic.logs(since)
            if json:
                print_json(logs)
                return
            _print_logs(logs)
        else:
            one = books.traffic.log(name, since)
            if json:
                print_json(one)
                return
            _print_logs([one])
            if one.routes:
                line()
                head = ("ROUTE", *_HEAD)
                table(
                    head, [(route.name, *_cells(route)) for route in one.routes], right=frozenset(range(1, len(head)))
                )


_HEAD = ("REQUESTS", "PER SECOND", "P50", "P95", "P99", "5XX", "4XX")


def _print_logs(logs: "Sequence[LogTraffic]") -> None:
    if not logs:
        line("No access log has been read yet: name one in `logs:` with `access:`, and run `daytwo serve`.")
        return
    head = ("LOG", *_HEAD, "USERS", "SENT")
    rows = [
        (one.name, *_cells(one), "-" if one.users is None else f"{one.users:.3g}", shown(one.bytes, Unit.BYTES))
        for one in logs
    ]
    table(head, rows, right=frozenset(range(1, len(head))))
    for one in logs:
        if one.unread:
            why = ", ".join(f"{count:,} {reason}" for reason, count in one.reasons.items())
            line(f"{one.name}: {one.unread:,} lines are no requests ({why})")


def _cells(one: "TrafficData") -> tuple[str, ...]:
    took = ("-" if value is None else shown(value, Unit.SECONDS) for value in (one.p50, one.p95, one.p99))
    shares = ("-" if rate is None else _share(rate) for rate in (one.error_rate, one.client_error_rate))
    return (f"{one.requests:,}", f"{one.per_second:.3g}", *took, *shares)


def _share(rate: float) -> str:
    return "0" if not rate else f"{rate * 100:.2g} %" if rate < 0.1 else f"{rate * 100:.0f} %"
