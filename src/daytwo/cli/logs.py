"""`daytwo logs`: what all parts of the app say, merged."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daytwo.cli.options import ConfigOption, make
from daytwo.cli.output import line, local, print_json, table, use_zone, when
from daytwo.core.errors import ExitCode, NotFoundError, UsageError
from daytwo.core.terminal import colours, harmless, in_json

if TYPE_CHECKING:
    from daytwo.config import Config
    from daytwo.watch.logs.follower import Follower
    from daytwo.watch.logs.live import Said
    from daytwo.watch.logs.views import PatternDetail

logs = make("What all parts say, merged: live, searched, or as counts of what matters.")
_LAST = 100
_SEARCHED = "24h"
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Logs by name; with --patterns, patterns. All of them."),
]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes; Ctrl-C ends it.")]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="Nothing older: 15m, 24h, or a time such as 2026-11-21T03:00.")
]
UntilOption = Annotated[str | None, typer.Option("--until", help="Nothing newer, likewise.")]
GrepOption = Annotated[
    str | None, typer.Option("--grep", "-g", help="Only lines in which this regular expression is found.")
]
LinesOption = Annotated[
    int | None,
    typer.Option("--lines", "-n", min=0, help="Only the last so many lines; 100 unless --since or --grep is given."),
]
RawOption = Annotated[bool, typer.Option("--raw", help="Show secrets, which are masked otherwise.")]
PatternsOption = Annotated[
    bool, typer.Option("--patterns", help="Show what is looked for in logs, how often it was found, and what it means.")
]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Print a JSON document for each line.")]


@logs.command()
def run(
    names: NamesArgument = None,
    follow: FollowOption = False,
    since: SinceOption = None,
    until: UntilOption = None,
    grep: GrepOption = None,
    lines: LinesOption = None,
    raw: RawOption = False,
    patterns: PatternsOption = False,
    config: ConfigOption = None,
    json: JsonLinesOption = False,
) -> None:
    """What all parts say, in the order of time, straight from where it is: no daemon is needed.

    A log that cannot be read is named on standard error, and the others go on; 1 when none could be read.
    """
    if patterns:
        _patterns(names, config, json)
        return
    from daytwo.config import load
    from daytwo.core.schedule import zone_of

    if follow and until:
        raise UsageError("--follow and --until contradict each other")
    loaded = load(config)
    zone = zone_of(loaded.timezone)
    use_zone(zone)
    now = datetime.now(zone)
    begin, end = _moment(since or (_SEARCHED if grep and lines is None else None), now), _moment(until, now)
    last = lines if lines is not None or since or until or grep else _LAST
    wanted = _matcher(grep)
    shown = _printer(loaded, names, json, raw)
    failed: set[str] = set()

    def complain(name: str, why: str) -> None:
        failed.add(name)
        sys.stderr.write(harmless(f"{name}: {why}\n"))

    followers = _followers(loaded, names)
    _show(followers, begin, end, last, follow, wanted, shown, complain)
    if len(failed) == len(followers) and not follow:
        raise typer.Exit(ExitCode.FAILED)


def _show(
    followers: "Sequence[Follower]",
    begin: datetime | None,
    end: datetime | None,
    last: int | None,
    follow: bool,
    wanted: Callable[[str], bool],
    shown: "Callable[[Said], None]",
    complain: Callable[[str, str], None],
) -> None:
    import threading

    from daytwo.watch.logs.live import coming, past

    try:
        # What is searched for may be far before the last so many lines.
        tail = last if wanted is _any else None
        found: Iterable[Said] = (one for one in past(followers, begin, end, tail, complain) if wanted(one.line.text))
        for one in found if last is None else deque(found, maxlen=last):
            shown(one)
        if follow:
            sys.stdout.flush()
            for one in coming(followers, threading.Event(), complain):
                if wanted(one.line.text):
                    shown(one)
                    sys.stdout.flush()
    except KeyboardInterrupt:
        if not follow:
            raise


def _followers(config: "Config", names: list[str] | None) -> "list[Follower]":
    from daytwo.app import utc_now
    from daytwo.config.problems import nearest
    from daytwo.watch.logs.following import follower_of
    from daytwo.watch.logs.sources import logs_of

    known = logs_of(config)
    if not known:
        raise UsageError("there is no log", hint="Give a service its `container:`, or name logs under `logs:`")
    for name in names or ():
        if name not in known:
            raise NotFoundError(f"there is no log {name}", hint=nearest(name, list(known)))
    chosen = [known[name] for name in dict.fromkeys(names or known)]
    return [follower_of(one, "", config.folder / ".daytwo" / "logs", utc_now) for one in chosen]


def _any(text: str) -> bool:
    return True


def _matcher(grep: str | None) -> Callable[[str], bool]:
    """Whether a line is wanted. An expression that takes too long on a line does not find it."""
    if grep is None:
        return _any
    import regex

    try:
        expression = regex.compile(grep)
    except regex.error as error:
        raise UsageError(f"--grep: this is no regular expression: {error}") from None

    def matches(text: str) -> bool:
        try:
            return expression.search(text, timeout=0.5) is not None
        except TimeoutError:
            raise UsageError("--grep: this expression takes too long", hint="Make it simpler") from None

    return matches


def _printer(config: "Config", names: list[str] | None, json: bool, raw: bool) -> "Callable[[Said], None]":
    from daytwo.watch.logs.masking import mask
    from daytwo.watch.logs.records import moment
    from daytwo.watch.logs.sources import logs_of

    known = list(logs_of(config))
    width = max(len(name) for name in names or known)
    coloured = colours(sys.stdout)

    def show(said: "Said") -> None:
        text = said.line.text if raw else mask(said.line.text)
        at = local(moment(said.line.at))
        if json:
            _json_line({"log": said.log, "at": at.isoformat(timespec="milliseconds"), "text": text})
            return
        head = f"{said.log:<{width}}"
        if coloured:
            head = f"\033[{_COLOURS[known.index(said.log) % len(_COLOURS)]}m{head}\033[0m"
        line(f"{head}  {at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}  {text}{' [cut]' if said.line.cut else ''}")

    return show


def _json_line(document: dict[str, Any]) -> None:
    import json

    sys.stdout.write(in_json(json.dumps(document, ensure_ascii=False)) + "\n")


def _moment(text: str | None, now: datetime) -> datetime | None:
    """A time as people write it: how far back, or a time in the app's zone."""
    if text is None:
        return None
    from daytwo.watch.views import length

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return now - length(text)
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def _patterns(names: list[str] | None, path: Path | None, json: bool) -> None:
    from daytwo.cli.books import opened_books

    with opened_books(path) as books:
        if names:
            details = [books.logs.pattern(name) for name in names]
            if json:
                print_json(details)
                return
            for one in details:
                _detail(one)
            return
        found = books.logs.patterns()
    if json:
        print_json(found)
        return
    rows = [(one.name, str(one.hour), str(one.day), when(one.last) if one.last else "never") for one in found]
    table(("PATTERN", "1 H", "24 H", "LAST"), rows, right=frozenset({1, 2}))


def _detail(one: "PatternDetail") -> None:
    line(f"{one.name}: {one.hour} in the last hour, {one.day} in 24 hours")
    line(f"  looks for  {one.match}")
    line(f"  in         {', '.join(one.logs) or 'all logs'}")
    if one.about:
        line(f"  means      {one.about}")
    for sample in one.samples:
        line(f"  {when(sample.at)}  {sample.log}  {sample.text}")


__all__ = ["logs"]
