"""The iCalendar feed, read by a strict reader of its own: RFC 5545, sections 3.1, 3.3.11, 3.6.1."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from daytwo.respond.oncall import Shift
from daytwo.respond.oncall.calendar import calendar
from tests.respond.stage import Stage

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


class Event(NamedTuple):
    uid: str
    begin: datetime
    end: datetime
    summary: str


def read(text: str) -> list[Event]:
    """The events of a feed; fails on anything that the standard does not allow."""
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "") and "\r" not in text.replace("\r\n", "")
    for raw in text.split("\r\n"):
        assert len(raw.encode()) <= 75, raw
    lines = text.replace("\r\n ", "").split("\r\n")[:-1]
    assert lines[0] == "BEGIN:VCALENDAR" and lines[-1] == "END:VCALENDAR" and "VERSION:2.0" in lines
    assert any(line.startswith("PRODID:") for line in lines)
    found: list[Event] = []
    fields: dict[str, str] | None = None
    for line in lines[1:-1]:
        match = re.fullmatch(r"([A-Z-]+)(?:;[A-Z-]+=[A-Z-]+)*:(.*)", line)
        assert match, line
        name, value = match[1], match[2]
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value)
        if (name, value) == ("BEGIN", "VEVENT"):
            assert fields is None
            fields = {}
        elif (name, value) == ("END", "VEVENT"):
            assert fields is not None and {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"} <= fields.keys()
            found.append(Event(fields["UID"], at(fields["DTSTART"]), at(fields["DTEND"]), text_of(fields["SUMMARY"])))
            fields = None
        elif fields is not None:
            assert name not in fields
            fields[name] = value
    assert fields is None
    assert len({one.uid for one in found}) == len(found)
    return found


def at(value: str) -> datetime:
    return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def text_of(value: str) -> str:
    assert not re.search(r"(?<!\\)(?:\\\\)*[;,]", value), f"not escaped: {value}"
    return re.sub(r"\\([\\;,nN])", lambda match: "\n" if match[1] in "nN" else match[1], value)


def test_the_shifts_of_a_rota(stage: Stage) -> None:
    found = read(stage.roster.calendar("primary"))
    names = [one.summary.split()[0] for one in found]
    assert names[:4] == ["anna", "bob", "anna", "bob"]
    assert found[0].begin == datetime(2026, 11, 9, 8, tzinfo=UTC), "whole, though it began before the last week"
    assert found[1].begin == datetime(2026, 11, 16, 8, tzinfo=UTC)
    assert found[1].end == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert len(found) >= 9


def test_an_event_keeps_its_identity_from_day_to_day(stage: Stage) -> None:
    before = {one.end: one.uid for one in read(stage.roster.calendar("primary"))}
    stage.clock.advance(days=3)
    after = {one.end: one.uid for one in read(stage.roster.calendar("primary"))}
    same = before.keys() & after.keys()
    assert len(same) >= 8
    assert all(before[end] == after[end] for end in same)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=120))
def test_any_name_is_a_line_of_the_standard(name: str) -> None:
    [event] = read(calendar("shop", "production", name, [Shift("anna", NOW, NOW + timedelta(hours=1), 1)], NOW))
    expected = re.sub(r"[\x00-\x08\x0b-\x1f]", "", name.replace("\r\n", "\n").replace("\r", "\n"))
    assert event.summary == f"anna is on call for {expected}"
