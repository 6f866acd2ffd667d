"""A message as words: cleaned of what is no text, cut to what a service takes, laid out for people."""

import re
from collections.abc import Callable, Iterable

from daytwo.core.channel import Event, Fact, Link, Message, Section

_NO_TEXT = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Controls, halves of characters, and what turns the direction of writing around: `gpj.exe` read as `exe.jpg`."""
_BREAKS = re.compile(r"[\s\u2028\u2029]+")
_WORDS = {Event.ACKNOWLEDGE: "ACKNOWLEDGED", Event.RESOLVE: "RESOLVED", Event.NOTICE: "", Event.TEST: "TEST"}
SHOWN = 20
"""Sections that are told in full; of more, only how many."""


def clean(text: str) -> str:
    """The text without characters that are none."""
    return _NO_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """The text on one line, as a subject or a title."""
    return _BREAKS.sub(" ", clean(text.replace("\r", "\n").replace("\x85", " "))).strip()


def cut(text: str, most: int) -> str:
    """At most so many characters; what is cut off leaves an ellipsis."""
    return text if len(text) <= most else f"{text[: max(0, most - 1)].rstrip()}…"


def fit(text: str, most: int, escape: Callable[[str], str], size: Callable[[str], int] = len) -> str:
    """The text, escaped, in at most so many units, never cut within what an escape has made of a character.

    Args:
        text: not escaped.
        most: units at most.
        escape: how it is escaped; longer text must not become shorter by it.
        size: how units are counted; characters unless told otherwise.
    """
    whole = escape(text)
    if size(whole) <= most:
        return whole
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if size(escape(f"{text[:middle].rstrip()}…")) <= most:
            low = middle
        else:
            high = middle - 1
    return escape(f"{text[:low].rstrip()}…") if most > 0 else ""


def utf8(text: str) -> int:
    """Bytes that the text takes."""
    return len(text.encode("utf-8", "replace"))


def utf16(text: str) -> int:
    """UTF-16 units of the text, in which several services count."""
    return len(text.encode("utf-16-le", "replace")) // 2


def bounded(message: Message, sections: int = SHOWN) -> Message:
    """The message cleaned, and with a bound on each text far above what people read; nothing larger is worked on.

    Args:
        message: of any size.
        sections: so many are kept; the others are only counted.
    """
    kept = [
        Section(
            title=cut(clean(one.title), 500),
            level=one.level,
            text=cut(clean(one.text), 5000),
            facts=_bounded(one.facts, 20, 500),
        )
        for one in message.sections[:sections]
    ]
    counted = [Section(title="")] * (len(message.sections) - len(kept))
    return message.model_copy(
        update={
            "title": cut(clean(message.title), 2000),
            "text": cut(clean(message.text), 20_000),
            "facts": _bounded(message.facts, 50, 4000),
            "sections": (*kept, *counted),
            "links": tuple(Link(title=cut(one.title, 500), url=one.url) for one in message.links[:20]),
            "commands": tuple(cut(clean(one), 500) for one in message.commands[:20]),
        }
    )


def _bounded(facts: Iterable[Fact], most: int, longest: int) -> tuple[Fact, ...]:
    return tuple(
        Fact(name=cut(clean(one.name), 200), value=cut(clean(one.value), longest)) for one in tuple(facts)[:most]
    )


def mark(message: Message) -> str:
    """What it is about, in capitals: `CRITICAL`, `RESOLVED`; nothing for a notice."""
    return message.level.upper() if message.event is Event.TRIGGER else _WORDS[message.event]


def source(message: Message) -> str:
    """Which app it is about: `shop/production`."""
    return one_line("/".join(part for part in (message.app, message.environment) if part))


def headline(message: Message) -> str:
    """Its title on one line, with what it is about before it: `CRITICAL shop/production: db does not answer`."""
    first = f"{mark(message)} {source(message)}".strip()
    return f"{first}: {one_line(message.title)}"


def links(items: Iterable[Link]) -> tuple[Link, ...]:
    """The links that may be followed: to pages, on one line; never `javascript:`."""
    found = []
    for one in items:
        url = clean(one.url).strip()
        if re.match(r"https?://[^\s<>\"'`|\\^{}]+$", url, re.IGNORECASE):
            found.append(Link(title=one_line(one.title) or url, url=url))
    return tuple(found)


def when(message: Message) -> str:
    """Its time, as people read it."""
    return message.at.strftime("%Y-%m-%d %H:%M:%S %Z").strip()


def plain(message: Message) -> str:
    """The whole message as text, without its headline."""
    return "\n\n".join(part for part in _parts(message) if part)


def _parts(message: Message) -> Iterable[str]:
    yield clean(message.text)
    yield "\n".join(f"{one_line(fact.name)}: {clean(fact.value)}" for fact in message.facts)
    for section in message.sections[:SHOWN]:
        lines = [f"{section.level.upper()} {one_line(section.title)}"]
        lines += [clean(section.text)] if section.text else []
        lines += [f"  {one_line(fact.name)}: {one_line(fact.value)}" for fact in section.facts]
        yield "\n".join(lines)
    yield more(message)
    yield "\n".join(f"{one.title}: {one.url}" for one in links(message.links))
    yield "\n".join(f"$ {one_line(command)}" for command in message.commands)
    yield when(message)


def more(message: Message) -> str:
    """How many sections are not shown; nothing when all are."""
    left = len(message.sections) - SHOWN
    return f"and {left} more" if left > 0 else ""
