"""`daytwo metrics`: the newest number of every series."""

from typing import Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.numbers import shown
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when
from daytwo.core.check import Unit

metrics = make("The newest number of every series.")


@metrics.command()
def run(
    pattern: Annotated[str, typer.Argument(help="A series, or a pattern such as 'db.*'; all of them.")] = "*",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """The newest number of every series."""
    with opened_books(config) as books:
        found = books.views.series(pattern)
    if json:
        print_json(found)
        return
    if not found:
        line(f"No series is called {pattern}." if pattern != "*" else "No number has been taken yet.")
        return
    rows = [
        (one.name, "-" if one.value is None else shown(one.value, Unit(one.unit)), when(one.at) if one.at else "never")
        for one in found
    ]
    table(("SERIES", "VALUE", "AT"), rows, right=frozenset({1}))
