"""Reads logs for security events: the patterns that say so, the built-in detectors, and keys that nobody should see."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.watch.logs.lines import Line, Write
from daytwo.watch.logs.masking import KNOWN, find_secrets, mask
from daytwo.watch.logs.matching import Expression, Match, joined
from daytwo.watch.security.address import found_in
from daytwo.watch.security.book import WHOLE, Book
from daytwo.watch.security.detectors import DETECTORS
from daytwo.watch.security.event import EVIDENCE, KEY_EXPOSURE, Happening

_MOST_KEYS = 100
"""Keys of a batch that are looked at, so that a flood of them costs little."""
_REMEMBERED = 10_000
"""Fingerprints that need not be written down again in the same hour."""


class _Look:
    """An expression, and what a match of it is."""

    def __init__(self, kind: str, match: str, logs: Sequence[str]) -> None:
        self.kind = kind
        self.logs = frozenset(logs)
        self.expression = Expression(match)


class SecurityReader:
    """Makes security events of lines; see `watch.logs.Reader`.

    Args:
        config: says what is looked for.
        book: writes it down.
        salt: of fingerprints, asked for once.
    """

    def __init__(self, config: Config, book: Book, salt: Callable[[], str]) -> None:
        self._book = book
        self._salt = salt
        self._key = b""
        self._keys = config.security.keys
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._looks = list(_looks(config))

    @property
    def trouble(self) -> str:
        """Which expressions are not looked for, and why."""
        return "; ".join(
            f"security, {one.kind}: {one.expression.trouble}" for one in self._looks if one.expression.trouble
        )

    def read(self, log: str, lines: Sequence[Line]) -> Write | None:
        """Look at lines."""
        low = joined(lines)
        found: dict[tuple[str, str, int], list[Happening]] = {}
        for look in self._looks:
            if not look.logs or log in look.logs:
                for match in look.expression.among(lines, low):
                    _gather(found, log, look.kind, match)
        happened = [one for group in found.values() for one in group]
        if self._keys:
            happened += self._exposed(log, lines)
        if not happened:
            return None

        def write(connection: sa.Connection, now: datetime) -> None:
            self._book.add(connection, happened, now)

        return write

    def _exposed(self, log: str, lines: Sequence[Line]) -> Iterator[Happening]:
        left = _MOST_KEYS
        for line in lines:
            for one in find_secrets(line.text):
                if one.kind not in KNOWN or left == 0:
                    continue
                mark = self._fingerprint(one.kind, line.text[one.begin : one.end])
                if self._is_fresh(mark, line.at):
                    left -= 1
                    at = datetime.fromtimestamp(line.at / 1000, UTC)
                    around = line.text[max(0, one.begin - EVIDENCE // 2) : one.end + EVIDENCE // 2]
                    # Masked whole first: what is cut at an end might not be known for a secret any more.
                    shown = mask(line.text) if len(line.text) <= 2 * EVIDENCE else mask(around)
                    yield Happening(
                        KEY_EXPOSURE, "", at, f"log {log}", route=one.kind, evidence=_clean(shown), fingerprint=mark
                    )

    def _fingerprint(self, kind: str, secret: str) -> str:
        self._key = self._key or bytes.fromhex(self._salt())
        return hmac.new(self._key, f"{kind} {secret}".encode(errors="replace"), hashlib.sha256).hexdigest()[:16]

    def _is_fresh(self, mark: str, at: int) -> bool:
        """Whether a key was not seen in this hour: it is written down again then, so that one sees that it goes on."""
        key = (mark, at // 3_600_000)
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True


def _looks(config: Config) -> Iterator[_Look]:
    for pattern in config.patterns.values():
        if pattern.security is not None:
            try:
                yield _Look(pattern.security, pattern.match, pattern.logs)
            except ValueError:
                continue  # whoever counts patterns tells so
    for log, names in config.security.detect.items():
        for name in names:
            for one in DETECTORS[name]:
                yield _Look(one.kind, one.match, [log])


def _gather(found: dict[tuple[str, str, int], list[Happening]], log: str, kind: str, match: Match) -> None:
    """Take in a match: the first of a minute by themselves, what follows counted with the last of them."""
    groups = match.found.groupdict()
    source = found_in(groups.get("source") or "")
    at = datetime.fromtimestamp(match.line.at / 1000, UTC)
    own = found.setdefault((kind, source, match.line.at // 60_000), [])
    evidence, count = _evidence(match), _times(groups.get("times"))
    if len(own) < WHOLE:
        user, route = (_clean(mask(groups.get(name) or ""))[:200] for name in ("user", "route"))
        own.append(Happening(kind, source, at, f"log {log}", "" if user == "-" else user, route, evidence, count))
        return
    last: Any = own[-1]
    own[-1] = Happening(
        kind, source, min(last.at, at), last.via, last.user, last.route, last.evidence, last.count + count,
        max(last.last or last.at, at), evidence,
    )  # fmt: skip


def _times(text: str | None) -> int:
    """How often a line happened that stands for several."""
    return max(1, int(text)) if text and text.isdecimal() and len(text) < 5 else 1


def _evidence(match: Match) -> str:
    text = match.line.text
    if len(text) > 2 * EVIDENCE:
        begin = max(0, match.found.start() - 100)
        text = text[begin : begin + 2 * EVIDENCE]
    return _clean(mask(text))


def _clean(text: str) -> str:
    """What a database takes, and no terminal obeys."""
    text = text[:EVIDENCE]
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)
