"""`daytwo stats`: numbers over time, summed up."""

from typing import Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.numbers import shown
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when
from daytwo.core.check import Unit
from daytwo.core.errors import NotFoundError

stats = make("Numbers over a time: mean, least, most, percentiles.")

PatternArgument = Annotated[str, typer.Argument(help="A series, or a pattern such as 'db.*'; all of them.")]
SinceOption = Annotated[str, typer.Option("--since", help="How far back, such as 1h, 24h, 30d.")]


@stats.command()
def run(
    pattern: PatternArgument = "*", since: SinceOption = "24h", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Numbers over a time: mean, least, most, percentiles; of a counter, how much it grew."""
    with opened_books(config) as books:
        found = [books.views.chart(one.name, since, 0) for one in books.views.series(pattern)]
    if not found:
        raise NotFoundError(f"no series is called {pattern}", hint="`daytwo metrics` lists them")
    if json:
        print_json(found)
        return
    rows = []
    for one in found:
        unit = Unit(one.unit)
        if one.total:
            rows.append((one.name, str(one.count), f"+{shown(one.rise, unit)}", *["-"] * 5))
            continue
        numbers = (one.mean, one.min, one.p50, one.p95, one.p99, one.max)
        rows.append((one.name, str(one.count), *("-" if value is None else shown(value, unit) for value in numbers)))
    table(("SERIES", "COUNT", "MEAN", "LEAST", "P50", "P95", "P99", "MOST"), rows, right=frozenset(range(1, 8)))
    line(f"since {when(found[0].begin)}")
