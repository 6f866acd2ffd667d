"""Follows what a container says, over its restarts, its recreation under the same name, and those of the engine."""

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from daytwo.core.command import command
from daytwo.core.containers.listing import nanoseconds
from daytwo.core.errors import CommandError
from daytwo.core.explain import explain
from daytwo.core.leash import leashed
from daytwo.core.process import Process
from daytwo.core.reading import ask
from daytwo.watch.logs.cutting import Cutter, Raw, text_of
from daytwo.watch.logs.follower import READ, Follower
from daytwo.watch.logs.lines import Line

_KEPT = 256
"""Stamps that are remembered: more than lines of its two outputs can be out of order by."""
_SECOND = 1_000_000_000
# As the engine prefixes lines: RFC 3339 with nine digits always (moby, daemon/logger/jsonfilelog and httputils).
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) ")
_PIECE = 1 << 14
"""Bytes of a line after which the engine tells the rest in pieces, each of which begins with the same stamp."""
_RESTING = 2.0
"""Seconds between two looks at a container that has stopped."""
_PATIENCE = 30.0
_ALL_CODES = tuple(range(256))


class Marks:
    """Which lines have been read, by the times that the engine gave them.

    The engine tells of its lines from a time on, and of one time there can be several; those of the two outputs of a
    container can be a little out of order. So the newest times are remembered, each with how many lines bore it.
    """

    def __init__(self, floor: int = 0) -> None:
        self.floor = floor
        """From when on to ask, in nanoseconds."""
        self.half = 0
        """The time of a last line without an end: what comes later is told in one line with it."""
        self.seen: dict[int, int] = {}
        """How many lines bore each of the newest times."""
        self._skip: dict[int, int] = {}

    @classmethod
    def of(cls, position: str) -> "Marks | None":
        """As `position` told them; None where it did not."""
        try:
            told = json.loads(position)
            made = cls(int(told["floor"]))
            made.half = int(told["half"])
            for after in told["seen"]:
                made._note(made.floor + int(after))
        except (ValueError, TypeError, KeyError):
            return None
        return made

    @property
    def position(self) -> str:
        """As it is stored."""
        seen = [at - self.floor for at, count in self.seen.items() for _ in range(count)]
        return json.dumps({"floor": self.floor, "half": self.half, "seen": seen}, separators=(",", ":"))

    @property
    def since(self) -> str:
        """As `docker logs --since` takes it."""
        return f"{self.floor // _SECOND}.{self.floor % _SECOND:09d}"

    def again(self) -> None:
        """All lines from `floor` on are about to be told again."""
        self._skip = dict(self.seen)

    def is_new(self, at: int) -> bool:
        """Whether the next line of this time has not been read before; it is, now."""
        if left := self._skip.get(at):
            self._skip[at] = left - 1
            return False
        self._note(at)
        return True

    def _note(self, at: int) -> None:
        self.seen[at] = self.seen.get(at, 0) + 1
        if len(self.seen) > 2 * _KEPT:
            newest = sorted(self.seen)[-_KEPT:]
            self.seen = {at: self.seen[at] for at in newest}
            self.floor = max(self.floor, newest[0])


class ContainerFollower(Follower):
    """Follows a container."""

    def resume(self, position: str) -> None:
        """Take up where a position says."""
        self._marks = Marks.of(position)
        self._told: tuple[str, int] = ("", 0)
        self._ended = ""

    def follow(self) -> None:
        """Read until the container stops."""
        if self._marks is None:
            self._marks = Marks(self._now())
            self.put((), self._marks.position)
        id, state = self._look()
        if state and state == self._ended:  # it has not been started since, so there is nothing new
            self.trouble = ""
            self.closing.wait(_RESTING)
            return
        if self._marks.floor > (now := self._now()) + _SECOND:
            # The clock was set back: what is said from now on would be older than what was, and never be told.
            self._marks = Marks(now)
        self._marks.again()
        self._read(id, self._marks)
        self._ended = state

    def past(self, since: datetime | None, until: datetime | None, last: int | None) -> Iterator[Line]:
        """What it has said."""
        before = self._now() - _SECOND
        id, _ = self._look()
        limits = (("--since", _seconds(since)) if since else ()) + (("--until", _seconds(until)) if until else ())
        tail = () if last is None else ("--tail", str(last))
        marks = self._marks = Marks()
        inner = command("docker", "logs", "--timestamps", limits, tail, id, where=self.log.place, ok=_ALL_CODES)
        with Process(self.log.host, leashed(inner, as_one=True), self.run, keep_stdin=True) as process:
            for lines in self._said(process, marks):
                yield from lines
        # Where little was read, all of it is remembered; what came before it is not wanted.
        marks.floor = marks.floor or min([before, *marks.seen] if last is None else marks.seen or [before])

    def _read(self, id: str, marks: Marks) -> None:
        inner = command(
            "docker", "logs", "--follow", "--timestamps", "--since", marks.since, id,
            where=self.log.place, ok=_ALL_CODES,
        )  # fmt: skip
        process = Process(self.log.host, leashed(inner, as_one=True), self.run, keep_stdin=True)
        with self.listening(process):
            for lines in self._said(process, marks):
                if lines:
                    self.put(lines, marks.position)

    def _said(self, process: Process, marks: Marks) -> Iterator[list[Line]]:
        """What it says, as it comes.

        Raises:
            DaytwoError: the engine says that it cannot tell.
        """
        cutter, words = Cutter(), ""
        with contextlib.suppress(ValueError):  # it was closed meanwhile
            while data := process.stdout.read(READ):
                raws = cutter.feed(data)
                words = _words(raws) or words
                yield self._lines(raws, marks)
        process.close_stdin()
        code, rest = process.finish(), cutter.flush()
        if self.closing.is_set():
            return
        if code not in (0, 143):
            words = _words([rest] if rest else []) or words
            raise explain(process.command, "docker", code, words)
        if rest and not code:
            # Its end will not come: the container has stopped. What it says after its next start is told behind it.
            lines = self._lines([rest], marks)
            marks.half = self._time(rest)
            yield lines

    def _lines(self, raws: Sequence[Raw], marks: Marks) -> list[Line]:
        now, lines = self.milliseconds(), []
        if marks.half:
            raws = [part for raw in raws for part in self._apart(raw, marks.half)]
        for raw in raws:
            stamp = _STAMP.match(raw.data)
            if stamp is None:  # the engine's own words
                continue
            at = self._at(stamp[0])
            if marks.is_new(at):
                data = raw.data[stamp.end() :]
                if len(data) > _PIECE:
                    data = data.replace(stamp[0], b"")
                lines.append(Line(min(at // 1_000_000, now), *text_of(Raw(data, raw.cut))))
        return lines

    def _apart(self, raw: Raw, half: int) -> tuple[Raw, ...]:
        """A line that had no end, and what is told in one line with it."""
        stamp = _STAMP.match(raw.data)
        if stamp is None or self._at(stamp[0]) != half:
            return (raw,)
        second = _STAMP.search(raw.data, stamp.end())
        if second is None or second[0] == stamp[0]:
            return (raw,)
        return Raw(raw.data[: second.start()]), Raw(raw.data[second.start() :], raw.cut)

    def _time(self, raw: Raw) -> int:
        stamp = _STAMP.match(raw.data)
        return self._at(stamp[0]) if stamp else 0

    def _at(self, stamp: bytes) -> int:
        text = stamp.decode()
        second = text[:19] + text[29:]
        if second != self._told[0]:
            self._told = (second, nanoseconds(f"{text[:19]}{text[29:-1]}"))
        return self._told[1] + int(text[20:29])

    def _now(self) -> int:
        """Nanoseconds by the clock of the engine's machine."""
        if self.log.host.is_local:
            return round(self.clock().timestamp() * 1000) * 1_000_000
        inner = command("docker", "info", "--format", "{{.SystemTime}}", where=self.log.place)
        with self.run.limited(_PATIENCE) as run:
            return nanoseconds(ask(self.log.host, inner, run).text.strip())

    def _look(self) -> tuple[str, str]:
        """The container's id, and of one that has stopped what tells its last start from others."""
        template = "{{.Id}} {{.State.Running}} {{.State.StartedAt}}"
        inner = command(
            "docker", "inspect", "--type", "container", "--format", template, "--", self.log.wanted.name,
            where=self.log.place,
        )  # fmt: skip
        with self.run.limited(_PATIENCE) as run:
            told = ask(self.log.host, inner, run).text.split()
        if len(told) != 3:
            raise CommandError("`docker inspect` says something that is not understood", where=self.log.place)
        return told[0], "" if told[1] == "true" else " ".join(told)


def _words(raws: Sequence[Raw]) -> str:
    """The last of the lines that are the engine's own; empty where there is none."""
    own = [raw for raw in raws[-20:] if not _STAMP.match(raw.data)]
    return text_of(own[-1])[0][:500] if own else ""


def _seconds(time: datetime) -> str:
    return f"{time.timestamp():.6f}"


__all__ = ["ContainerFollower", "Marks"]
