"""Follows what a systemd unit says, as the journal keeps it."""

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from daytwo.core.command import command
from daytwo.core.errors import UnreachableError
from daytwo.core.leash import leashed
from daytwo.core.process import Completed, Process
from daytwo.core.reading import ask
from daytwo.watch.logs.cutting import Cutter, Raw, clean
from daytwo.watch.logs.follower import READ, Follower
from daytwo.watch.logs.lines import Line

# systemd.journal-fields(7) and `journalctl --output=json`: a field that is no text is an array of bytes.
_CURSOR = re.compile(rb'"__CURSOR"\s*:\s*"([^"]{1,512})"')
_TIME = re.compile(rb'"__REALTIME_TIMESTAMP"\s*:\s*"(\d{1,20})"')
_MESSAGE = re.compile(rb'"MESSAGE"\s*:\s*"((?:[^"\\]|\\.)*)', re.DOTALL)
_PATIENCE = 30.0


class JournalFollower(Follower):
    """Follows a unit."""

    def resume(self, position: str) -> None:
        """Take up where a position says."""
        self._position = position if position.startswith(("--after-cursor=", "--since=@")) else ""

    def follow(self) -> None:
        """Read until `journalctl` ends."""
        if not self._position:
            self._position = self._end()
            self.put((), self._position)
        inner = self._journal("--follow", "--no-tail", self._position)
        process = Process(self.log.host, leashed(inner), self.run, keep_stdin=True)
        with self.listening(process):
            for lines in self._said(process):
                self.put(lines, self._position)

    def past(self, since: datetime | None, until: datetime | None, last: int | None) -> Iterator[Line]:
        """What it has said."""
        self._position = self._end()
        inner = self._journal(
            *(("--since=@" + _seconds(since),) if since else ()), *(("--until=@" + _seconds(until),) if until else ()),
            *(() if last is None else (f"--lines={last}",)),
        )  # fmt: skip
        with Process(self.log.host, leashed(inner), self.run, keep_stdin=True) as process:
            for lines in self._said(process):
                yield from lines

    def _journal(self, *more: str) -> Any:
        return command(
            "journalctl", "--output=json", "--all", "--output-fields=MESSAGE", "--no-pager", f"--unit={self.log.unit}",
            *more, where=self.log.place, ok=(0, 1, 143),
        )  # fmt: skip

    def _end(self) -> str:
        """Where the unit's journal ends now.

        A cursor must be of an entry of the unit: behind that of another one, systemd before 254 leaves out the next of
        the unit. While a unit has said nothing, the time of the newest entry of all counts, by that machine's clock.

        Raises:
            UnreachableError: there is no journal, or it may not be read.
        """
        told = self._newest(f"--unit={self.log.unit}")
        if found := _CURSOR.search(told.stdout):
            return f"--after-cursor={found[1].decode()}"
        self._readable(told)
        told = self._newest()
        if found := _TIME.search(told.stdout):
            seconds, microseconds = divmod(int(found[1]) + 1, 1_000_000)
            return f"--since=@{seconds}.{microseconds:06}"
        self._readable(told)
        return f"--since=@{_seconds(self.clock())}"

    def _newest(self, *unit: str) -> Completed:
        inner = command("journalctl", "--output=json", "--lines=1", "--no-pager", unit, where=self.log.place, ok=(0, 1))
        with self.run.limited(_PATIENCE) as run:
            return ask(self.log.host, inner, run)

    def _readable(self, told: Completed) -> None:
        low = told.stderr.lower()
        if "no journal files" in low:
            raise UnreachableError(
                "there is no journal", where=self.log.place, hint="Is systemd-journald running there?"
            )
        if "insufficient permissions" in low or "not seeing messages" in low or "permission denied" in low:
            raise UnreachableError(
                "the journal may not be read", where=self.log.place, hint="Add the user to the group systemd-journal"
            )

    def _said(self, process: Process) -> Iterator[list[Line]]:
        cutter = Cutter()
        with contextlib.suppress(ValueError):  # it was closed meanwhile
            while data := process.stdout.read(READ):
                lines = [line for raw in cutter.feed(data) for line in self._lines(raw)]
                if lines:
                    yield lines
        process.close_stdin()
        if process.finish() == 1 and not self.closing.is_set():
            raise process.error(1)

    def _lines(self, raw: Raw) -> list[Line]:
        """The lines of an entry; the position is behind it then."""
        now = self.milliseconds()
        at, text = now, ""
        if found := _TIME.search(raw.data):
            at = min(int(found[1]) // 1000, now)
        try:
            text = _text(json.loads(raw.data).get("MESSAGE")) if not raw.cut else _cut(raw.data)
        except (ValueError, AttributeError):
            text = "" if found is None else _cut(raw.data)
        if cursor := _CURSOR.search(raw.data):
            self._position = f"--after-cursor={cursor[1].decode()}"
        elif found is None:
            return []  # no entry at all
        return [Line(at, *clean(line, cut=raw.cut)) for line in text.split("\n")]


def _text(message: object) -> str:
    if isinstance(message, list):
        if all(isinstance(one, int) and 0 <= one < 256 for one in message):
            return bytes(message).decode("utf-8", "replace")
        return "\n".join(_text(one) for one in message)  # a field that was given several times
    return message if isinstance(message, str) else ""


def _cut(data: bytes) -> str:
    """What is there of the message of an entry that is too long to be read whole."""
    found = _MESSAGE.search(data)
    if found is None:
        return ""
    whole = found[1][: -(len(found[1]) - len(found[1].rstrip(b"\\"))) or None]
    try:
        return str(json.loads(b'"' + whole.decode("utf-8", "ignore").encode() + b'"'))
    except ValueError:
        return whole.decode("utf-8", "replace")


def _seconds(time: datetime) -> str:
    return f"{time.timestamp():.6f}"


__all__ = ["JournalFollower"]
