"""`daytwo top`: everything that is watched, live."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.numbers import shown
from daytwo.cli.options import ConfigOption, make
from daytwo.cli.output import took
from daytwo.core.errors import UsageError
from daytwo.core.terminal import harmless

if TYPE_CHECKING:
    from rich.console import Group

    from daytwo.cli.watched import AfarViews
    from daytwo.watch.views import AlertData, CheckData, Views

top = make("Everything that is watched, live.")
_STYLES = {"ok": "green", "failed": "bold red", "inconclusive": "yellow"}
_BAD_FIRST = ("failed", "inconclusive", "ok")


@top.command()
def run(
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 2.0,
    config: ConfigOption = None,
) -> None:
    """Everything that is watched, live: what fails first. Ctrl-C ends it."""
    import sys

    if not sys.stdout.isatty():
        raise UsageError("`daytwo top` needs a terminal", hint="`daytwo metrics` and `daytwo check` print once")
    from rich.live import Live

    with opened_books(config) as books, Live(screen=True, auto_refresh=False) as live:
        while True:
            live.update(picture(books.views, datetime.now(UTC)), refresh=True)
            time.sleep(every)


def picture(views: "Views | AfarViews", now: datetime) -> "Group":
    """The screen: a line that answers "is anything wrong?", the alerts, the checks."""
    from rich.console import Group
    from rich.text import Text

    checks, alerts = views.checks(), views.alerts("active")
    failed = sum(one.verdict == "failed" for one in checks)
    word = f"{failed} of {len(checks)} checks {'fails' if failed == 1 else 'fail'}"
    word = word if failed else f"{len(checks)} checks, none fails"
    head = Text.assemble(
        (word, "bold red" if failed else "bold green"),
        f"    {len(alerts)} alert{'' if len(alerts) == 1 else 's'}    {now.astimezone():%H:%M:%S}",
    )
    parts: list[object] = [head, Text()]
    parts += [_alert(one, now) for one in alerts]
    return Group(*parts, _table(checks, now))  # type: ignore[arg-type]  # rich's own type of what can be shown is no type


def _alert(one: "AlertData", now: datetime) -> object:
    from rich.text import Text

    style = "bold red" if one.level == "critical" else "bold yellow"
    since = took((now - one.since).total_seconds())
    return Text.assemble((f"{one.level:9}", style), harmless(f"{one.rule} ({one.subject}) for {since}: {one.why}"))


def _table(checks: "list[CheckData]", now: datetime) -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("CHECK", "IS", "FOR", "ASKED", "SAYS"):
        table.add_column(name, justify="right" if name in ("FOR", "ASKED") else "left", no_wrap=name != "SAYS")
    for one in sorted(checks, key=lambda one: (_BAD_FIRST.index(one.verdict), one.name)):
        verdict = "stale" if one.stale else one.verdict
        says = one.why or ", ".join(f"{name} {shown(value, None)}" for name, value in list(one.numbers.items())[:3])
        table.add_row(
            one.name, Text(verdict, "yellow" if one.stale else _STYLES[one.verdict]),
            took((now - one.since).total_seconds()), f"{took((now - one.at).total_seconds())} ago",
            Text(harmless(says)),
        )  # fmt: skip
    return table
