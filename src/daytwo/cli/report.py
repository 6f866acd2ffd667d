"""`daytwo report`: how a day, a week or a month was."""

import sys
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import print_json
from daytwo.core.errors import UsageError
from daytwo.core.terminal import harmless

report = make("How a day, a week or a month was: the slowest, the most failing, what changed.")


class Period(StrEnum):
    """How long it is."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@report.command()
def run(
    period: Annotated[Period, typer.Argument(help="How long it is.")] = Period.DAILY,
    day: Annotated[
        str | None, typer.Option("--date", help="Any day of it, such as 2026-11-20; the last one that is over.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as Markdown.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """How a day, a week or a month was: uptime, the slowest, the most failing, what changed, alerts, objectives.

    Days begin at midnight in the app's zone, weeks on Monday.
    """
    if markdown and json:
        raise UsageError("--markdown and --json cannot go together")
    with opened_books(config) as books:
        found = books.views.report(period.value, _day(day))
    if json:
        print_json(found)
        return
    from daytwo.watch.reports import words

    sys.stdout.write(harmless(words.markdown(found) if markdown else words.text(found)))


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # a day has no zone
    except ValueError:
        raise UsageError(f"--date: {text} is no day", hint="Write it like 2026-11-20") from None
