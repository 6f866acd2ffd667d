"""Whether an answer is what is expected, and the numbers in it."""

import json
import math
from collections.abc import Mapping
from typing import Any

import jmespath

from daytwo.core.net.aside import aside
from daytwo.core.net.exchange import Reply
from daytwo.core.net.words import plain
from daytwo.services.http.settings import Expected, status_range

PATTERN_SECONDS = 1.0
"""Processor seconds that a regular expression may take; some take for ever on some texts."""
_CHARSETS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "cp1252", "windows-1252": "cp1252",
    "utf-16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
}  # fmt: skip
"""Charsets that are believed. Some of Python's codecs take very long on what a stranger may send."""


class Judge:
    """Looks at answers.

    Args:
        expected: the settings.
    """

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._ranges = [status_range(text) for text in expected.status]
        wanted = expected.json if isinstance(expected.json, Mapping) else dict.fromkeys(expected.json, _TRUE)
        self._json = [(text, jmespath.compile(text), value) for text, value in wanted.items()]
        self._numbers = [(name, text, jmespath.compile(text)) for name, text in expected.numbers.items()]
        self._pattern = _compiled(expected.matches)
        self._reads_text = bool(expected.contains or expected.lacks or expected.matches)

    async def judge(self, reply: Reply) -> tuple[list[str], Mapping[str, float]]:
        """What is wrong with an answer, in words, and the numbers found in it."""
        wrong = self._status(reply)
        if wrong:
            return wrong, {}  # what an error page says is no news
        wrong += self._headers(reply)
        if (self._reads_text or self._json or self._numbers) and (coding := _coding(reply)):
            return [*wrong, f"its answer is compressed ({coding}), which nobody has asked for"], {}
        if self._reads_text:
            wrong += await self._text(reply)
        numbers: dict[str, float] = {}
        if self._json or self._numbers:
            wrong += self._look_into(reply, numbers)
        return wrong, numbers

    def _status(self, reply: Reply) -> list[str]:
        if any(first <= reply.status <= last for first, last in self._ranges):
            return []
        return [f"it answers with status {reply.status}, not {' or '.join(self._expected.status)}"]

    def _headers(self, reply: Reply) -> list[str]:
        wrong = []
        for name, wanted in self._expected.answers_with.items():
            value = reply.headers.get(name.lower())
            if wanted is False:
                wrong += [f"it has a header {name}"] if value is not None else []
            elif value is None:
                wrong.append(f"it has no header {name}")
            elif wanted is not True and wanted.lower() not in value.lower():
                wrong.append(f"its header {name} is '{plain(value, 60)}', without '{wanted}'")
        return wrong

    async def _text(self, reply: Reply) -> list[str]:
        text = _decoded(reply)
        part = f" in its first {len(reply.body)} bytes" if reply.cut else ""
        wrong = [f"its answer does not contain '{one}'{part}" for one in self._expected.contains if one not in text]
        wrong += [f"its answer contains '{one}'" for one in self._expected.lacks if one in text]
        if self._expected.lacks and reply.cut:
            wrong.append(
                f"its answer has more than {len(reply.body)} bytes, and what it must lack may follow; raise `max_size`"
            )
        if self._pattern is not None:
            wrong += await _sought(self._pattern, text, part)
        return wrong

    def _look_into(self, reply: Reply, numbers: dict[str, float]) -> list[str]:
        if reply.cut:
            return [f"its answer has more than {len(reply.body)} bytes, so it is not read as JSON; raise `max_size`"]
        try:
            data = json.loads(reply.body)
        except ValueError as error:
            return [f"its answer is not JSON: {plain(str(error), 80)}"]
        except RecursionError:
            return ["its answer is JSON that is nested too deep"]
        wrong = [told for text, compiled, wanted in self._json if (told := _differs(text, compiled, data, wanted))]
        for name, text, compiled in self._numbers:
            value = _number(_given(compiled, data))
            if value is None:
                wrong.append(f"{text} is no number in its answer")
            else:
                numbers[name] = value
        return wrong


_TRUE = object()
"""Stands for: whatever JMESPath takes for true."""


class _NothingError(Exception):
    """An expression cannot be applied to what is there."""


def _compiled(pattern: str | None) -> Any:
    import regex

    return regex.compile(pattern) if pattern is not None else None


async def _sought(pattern: Any, text: str, part: str) -> list[str]:
    """Search in a thread, without the lock of Python's interpreter, and not for ever."""
    try:
        found = await aside(lambda: pattern.search(text, timeout=PATTERN_SECONDS, concurrent=True))
    except TimeoutError:
        return [f"'{pattern.pattern}' takes more than {PATTERN_SECONDS:.0f} s to be sought in its answer"]
    return [] if found else [f"'{pattern.pattern}' is not found in its answer{part}"]


def _coding(reply: Reply) -> str:
    coding = reply.headers.get("content-encoding", "").strip().lower()
    return "" if coding in ("", "identity") else plain(coding, 40)


def _decoded(reply: Reply) -> str:
    _, _, after = reply.headers.get("content-type", "").lower().partition("charset=")
    charset = after.partition(";")[0].strip(" \"'")
    return reply.body.decode(_CHARSETS.get(charset, "utf-8"), "replace")


def _given(compiled: Any, data: object) -> object:
    try:
        return compiled.search(data)
    except (jmespath.exceptions.JMESPathError, RecursionError, ArithmeticError):
        return _NothingError


def _differs(text: str, compiled: Any, data: object, wanted: object) -> str:
    given = _given(compiled, data)
    if given is _NothingError:
        return f"{text} cannot be applied to its answer"
    if wanted is _TRUE:
        return "" if given not in (None, False, "", [], {}) else f"{text} is {_shown(given)}"
    # In Python, True is 1.
    same = given is wanted if type(given) is bool or type(wanted) is bool else given == wanted
    return "" if same else f"{text} is {_shown(given)}, not {_shown(wanted)}"


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        return f"a {'list' if isinstance(value, list) else 'map'} of {len(value)}"
    return plain(f"'{value}'" if isinstance(value, str) else json.dumps(value), 80)


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # it raises for what is none
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
