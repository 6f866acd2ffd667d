"""The page as files: whole by itself, valid, and deaf to hostile text."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.respond.status_page.model import ComponentView, Day, Health, StatusView, StoryView, UpdateView
from daytwo.respond.status_page.render import Subscribing, bar, feed, files, html, note, percent, policy, told

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = st.text(alphabet=st.characters(blacklist_categories=()), max_size=40) | st.sampled_from(
    ["<script>alert(1)</script>", "]]>", '"><img src=x onerror=a()>', "</title>", "{{ 7 * 7 }}", "a\x00\x1b[31m\u202eb"]
)


def day(**values: float) -> Day:
    return Day(**{"day": date(2026, 5, 3), "ok": 0, "failed": 0, "unknown": 0, "maintenance": 0, **values})


def page(text: str = "We are looking", **values: object) -> StatusView:
    update = UpdateView(number=4, at=NOW, state="identified", text=text)
    story = StoryView(
        id="notice-4", title=text or "x", state="identified", began=NOW, ended=None, components=(text,),
        updates=(update,),
    )  # fmt: skip
    component = ComponentView(
        name="web", title=text, about=text, state=Health.DEGRADED, uptime=0.99999, days=(day(ok=100, failed=1), day())
    )
    usual = {
        "title": text, "url": "https://status.example.com/", "sentence": "Some systems are disturbed", "zone": "UTC",
        "state": Health.DEGRADED, "at": NOW, "components": (component,), "current": (story,), "past": (),
        "maintenance": (),
    }  # fmt: skip
    return StatusView.model_validate({**usual, **values})


class Seen(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and what stands in scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


PLAIN = [(tag, sorted(attributes)) for tag, attributes in Seen(html(page(), Subscribing())).elements]


@given(HOSTILE)
def test_no_text_becomes_markup(text: str) -> None:
    shown = html(page(text), Subscribing())
    assert [(tag, sorted(attributes)) for tag, attributes in Seen(shown).elements] in (
        PLAIN,
        [one for one in PLAIN if one != ("p", ["class"]) or text],
        _without_about(),
    )
    assert "alert(1)</script>" not in shown
    assert "\u202e" not in shown and "\x00" not in shown


def _without_about() -> list[tuple[str, list[str]]]:
    without = page("").model_copy()
    return [(tag, sorted(attributes)) for tag, attributes in Seen(html(without, Subscribing())).elements]


@given(HOSTILE)
def test_the_feed_is_always_whole(text: str) -> None:
    root = ElementTree.fromstring(feed(page(text)).encode("utf-8", "replace"))
    [entry] = root.findall(f"{ATOM}entry")
    assert len(list(entry)) == 6
    for one in (root, entry):
        for name in ("id", "title", "updated"):
            assert one.findtext(f"{ATOM}{name}"), name


@given(HOSTILE)
def test_a_note_has_no_markup_of_others(text: str) -> None:
    plain = [tag for tag, _ in Seen(note("x", "y", "z", "b", "c")).elements]
    assert [tag for tag, _ in Seen(note(f"x{text}", f"y{text}", f"z{text}", f"b{text}", "c")).elements] == plain


def test_the_page_needs_nothing_else_and_no_script() -> None:
    shown = Seen(files(page(), Subscribing("https://daytwo.example.com/status/subscribe"))["index.html"].decode())
    for tag, attributes in shown.elements:
        assert tag not in ("img", "iframe", "object", "embed")
        assert "src" not in attributes and "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if tag == "link":
            assert attributes["href"] in ("feed.xml", "data:,")
    assert [
        attributes.get("hidden", "no") for tag, attributes in shown.elements if attributes.get("id") == "stale"
    ] == [None]


def test_the_policy_lets_through_what_stands_in_the_page_and_nothing_else() -> None:
    import base64
    import hashlib

    shown = html(page(), Subscribing())
    for tag, name in (("style", "style-src"), ("script", "script-src")):
        [content] = re.findall(f"<{tag}>(.*?)</{tag}>", shown, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy()
    assert "unsafe" not in policy()


def test_the_bars_can_be_heard() -> None:
    shown = html(page("Web"), Subscribing())
    assert 'role="img" aria-label="Web, the last 2 days: uptime 99.99 %"' in shown
    assert "1 day with a disturbance" in shown
    assert "3 May 2026: 99.00 %, disturbed for 1 s" in shown


@pytest.mark.parametrize(
    ("one", "colour", "words"),
    [
        (day(), "none", "no data"),
        (day(unknown=100), "none", "no data"),
        (day(ok=86400), "good", "no disturbance"),
        (day(ok=86000, failed=400), "some", "99.53 %, disturbed for 7 min"),
        (day(ok=83000, failed=3400), "more", "96.06 %, disturbed for 57 min"),
        (day(ok=43200, failed=43200), "bad", "50.00 %, disturbed for 12 h"),
        (day(maintenance=5400), "planned", "maintenance for 1 h 30 min"),
        (day(ok=100, maintenance=60), "good", "no disturbance, maintenance for 1 min"),
    ],
)
def test_a_bar_in_colour_and_in_words(one: Day, colour: str, words: str) -> None:
    assert bar(one) == colour
    assert told(one) == f"3 May 2026: {words}"


@given(st.floats(0, 1))
def test_a_share_is_never_rounded_up_to_all(share: float) -> None:
    assert (percent(share) == "100 %") is (share == 1)
    assert "100.00" not in percent(share)


def test_json_is_the_view_itself() -> None:
    shown = page(at=NOW + timedelta(hours=1))
    assert StatusView.model_validate(json.loads(files(shown, Subscribing())["status.json"])) == shown
