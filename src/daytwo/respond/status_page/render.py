"""The page as files that need nothing else: HTML without references, an Atom feed, JSON."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from daytwo.core.schedule import zone_of
from daytwo.core.telling import text
from daytwo.respond.status_page.model import ComponentView, Day, Health, StatusView

if TYPE_CHECKING:
    from jinja2 import Environment

HTML, FEED, JSON = "index.html", "feed.xml", "status.json"
_FEW = 0.99
_SOME = 0.95
_CLASSES = {
    Health.OPERATIONAL: "good", Health.UNKNOWN: "none", Health.MAINTENANCE: "planned", Health.DEGRADED: "some",
    Health.PARTIAL: "more", Health.OUTAGE: "bad",
}  # fmt: skip


@dataclass(frozen=True)
class Subscribing:
    """How to be told.

    Args:
        action: where the form is sent; empty when nobody is told by mail.
        feed: where the feed is, as seen from the page.
    """

    action: str = ""
    feed: str = FEED


@dataclass(frozen=True)
class Marked:
    """A bar of which there is something to say.

    Args:
        at: its place, from the left.
        colour: its class.
        said: what happened, in words.
    """

    at: int
    colour: str
    said: str


def files(view: StatusView, subscribing: Subscribing) -> dict[str, bytes]:
    """All of the page, by file name."""
    return several(view, [subscribing])[0]


def several(view: StatusView, ways: Sequence[Subscribing]) -> list[dict[str, bytes]]:
    """All of the page, by file name, for several places; what is the same in all of them is drawn once."""
    components = _components(view)
    same = {FEED: feed(view).encode("utf-8", "replace"), JSON: (view.model_dump_json() + "\n").encode()}
    return [{HTML: _page(view, one, components).encode("utf-8", "replace"), **same} for one in ways]


def html(view: StatusView, subscribing: Subscribing) -> str:
    """The page for people: everything in one file."""
    return _page(view, subscribing, _components(view))


def _page(view: StatusView, subscribing: Subscribing, components: str) -> str:
    return _rendered("page.html", view, subscribing=subscribing, components=components)


def _components(view: StatusView) -> str:
    found = [(one, marked(one)) for one in view.components]
    return _environment().get_template("components.html").render(components=found)


def feed(view: StatusView) -> str:
    """The feed (Atom, RFC 4287): an entry for each update."""
    return _rendered("feed.xml", view)


def note(title: str, what: str, hint: str = "", button: str = "", back: str = "") -> str:
    """A page with one sentence, and perhaps a button that sends a form to where it came from.

    Args:
        title: of the status page.
        what: the sentence.
        hint: one more.
        button: what stands on the button; there is none when empty.
        back: where the status page is.
    """
    values = {"title": title, "what": what, "hint": hint, "button": button, "back": back}
    return _environment().get_template("note.html").render(values, style=style())


def policy() -> str:
    """The Content-Security-Policy that lets the page's own style and script run, and nothing else."""
    return (
        f"default-src 'self'; style-src '{_hash(style())}'; script-src '{_hash(script())}'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


@cache
def style() -> str:
    """The stylesheet; it stands in the page."""
    return _text("status.css")


@cache
def script() -> str:
    """What marks a page that nobody has written for a while; it stands in the page, which works without it, too."""
    return _text("stale.js")


def _text(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8").strip()


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _rendered(template: str, view: StatusView, **values: Any) -> str:
    zone = zone_of(view.zone)

    def when(at: datetime, form: str = "%-d %B %Y, %H:%M %Z") -> str:
        return at.astimezone(zone).strftime(form)

    names: Mapping[str, Any] = {"when": when, "style": style(), "script": script(), "view": view, **values}
    return _environment().get_template(template).render(names)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("daytwo.respond.status_page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"clean": text.clean, "percent": percent, "kind": kind, "plain": plain}
    return made


def kind(health: Health) -> str:
    """The class that gives a state its colour."""
    return _CLASSES[health]


def bar(day: Day) -> str:
    """The class that gives a day its colour."""
    share = day.uptime
    if share is None:
        return "planned" if day.maintenance > 0 else "none"
    if day.failed <= 0:
        return "good"
    return "some" if share >= _FEW else "more" if share >= _SOME else "bad"


def is_plain(day: Day) -> bool:
    """Whether there is nothing to say of a day: most are like that, and are drawn in one go."""
    return day.failed <= 0 and day.maintenance <= 0


def plain(days: Sequence[Day], colour: str) -> str:
    """The bars of plain days of a colour, as one path."""
    return "".join(f"M{at * 10} 0h7v34h-7z" for at, day in enumerate(days) if is_plain(day) and bar(day) == colour)


def told(day: Day) -> str:
    """A day in words: `3 May 2026: 99.31 %, disturbed for 10 min`."""
    parts = []
    if day.uptime is None:
        parts.append("no data" if day.maintenance <= 0 else "")
    elif day.failed <= 0:
        parts.append("no disturbance")
    else:
        parts.append(f"{percent(day.uptime)}, disturbed for {_length(day.failed)}")
    if day.maintenance > 0:
        parts.append(f"maintenance for {_length(day.maintenance)}")
    return f"{_date(day.day)}: {', '.join(part for part in parts if part)}"


def marked(component: ComponentView) -> list[Marked]:
    """The days on which something was: bars of their own, and in words for who cannot see them."""
    return [Marked(at, bar(day), told(day)) for at, day in enumerate(component.days) if not is_plain(day)]


def percent(share: float) -> str:
    """A share that is never rounded up to all: `99.99 %`, `100 %`."""
    if share >= 1:
        return "100 %"
    return f"{int(share * 10000) / 100:.2f} %"


def _date(day: date) -> str:
    return day.strftime("%-d %B %Y")


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {rest} min" if rest else f"{hours} h"
