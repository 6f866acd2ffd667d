"""The audit trail: what is appended, listed, exported and pruned."""

import csv
import hashlib
import io
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from daytwo.config.serving import Records
from daytwo.core.errors import NotFoundError, UsageError
from daytwo.core.records import DataClass, Head
from daytwo.core.units import Duration
from daytwo.ledger.audit import Audit, Filter, Tampering, listing
from daytwo.ledger.exports import By
from tests.ledger.books import BEGIN, PLACE, Books


def test_the_hash_is_what_the_documentation_says(books: Books) -> None:
    first, second = books.act(2)
    row = books.event(2)
    text = json.dumps({name: row[name] for name in row if name != "hash"}, sort_keys=True, separators=(",", ":"))
    assert row["previous"] == first.hash
    assert row["hash"] == second.hash == hashlib.sha256(text.encode()).hexdigest()
    assert row["detail"] == '{"n":1}'


def test_each_class_has_a_chain_of_its_own_and_all_are_whole(books: Books) -> None:
    books.act(3)
    books.act(2, DataClass.RESTRICTED)
    assert [(head.chain, head.seq) for head in books.audit.heads()] == [("internal", 3), ("restricted", 2)]
    verdict = books.verdict(books.audit.heads())
    assert (verdict.whole, verdict.events, verdict.anchors) == (True, 5, 2)


def test_an_empty_trail_is_whole(books: Books) -> None:
    assert books.verdict().whole
    assert books.audit.heads() == ()


def test_what_is_rolled_back_is_not_in_the_trail(books: Books) -> None:
    books.act()
    with pytest.raises(RuntimeError), books.database.begin() as connection:
        books.audit.append(connection, "token.create", actor="anna", via="cli")
        raise RuntimeError
    books.act()
    assert books.verdict().whole
    assert books.verdict().events == 2


def test_any_text_can_be_recorded(books: Books) -> None:
    with books.database.begin() as connection:
        text = "zero \0 half \ud800 Ünïcode 'quote' \n" + "long" * 500
        books.audit.append(
            connection, "a.b", text, actor=text, via="cli", source=text, detail={text: [text, 1.5, None]}
        )
    (event,) = books.audit.page(Filter())[0]
    assert event.subject.startswith("zero \ufffd half ? Ünïcode")
    assert len(event.subject) == 500
    assert books.verdict().whole


def test_a_segment_ends_when_it_is_full_and_when_a_month_begins(books: Books, short: int) -> None:
    books.act(5)
    books.later(days=15)
    books.act(1)
    with books.database.read() as connection:
        rows = connection.execute(sa.text("SELECT number, first, last, count, closed FROM audit_segments")).all()
    assert [tuple(row)[:4] for row in sorted(rows)] == [(1, 1, 4, 4), (2, 5, 5, 1), (3, 6, 6, 1)]
    assert [row.closed is None for row in sorted(rows)] == [False, False, True]
    assert books.verdict().whole


def test_a_clock_that_is_set_back_opens_no_segment_and_harms_nothing(books: Books) -> None:
    books.act(2)
    books.later(days=-40)
    books.act(2)
    with books.database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM audit_segments")).scalar() == 1
    assert books.verdict().whole


def test_pages_have_every_event_once_the_newest_first(books: Books) -> None:
    books.act(4)
    books.later(minutes=-2)
    books.act(3, DataClass.PUBLIC)
    seen, after = [], None
    while True:
        events, after = books.audit.page(Filter(), 2, after)
        seen += [(event.at, event.chain, event.seq) for event in events]
        if after is None:
            break
    assert len(seen) == 7
    assert seen == sorted(seen, reverse=True)


def test_filters(books: Books) -> None:
    books.act(2)
    books.act(1, DataClass.PUBLIC, actor="ben")
    with books.database.begin() as connection:
        books.audit.append(connection, "tokens.other", actor="anna", via="cli")

    def count(**wanted: object) -> int:
        return len(books.audit.page(Filter(**wanted))[0])  # type: ignore[arg-type]

    assert count() == 4
    assert count(actor="ben") == 1
    assert count(action="token") == 3
    assert count(action="token.create") == 3
    assert count(action="token.") == 0
    assert count(subject="token of anna") == 2
    assert count(data_class=DataClass.PUBLIC) == 1
    assert count(since=BEGIN + timedelta(minutes=1)) == 3
    assert count(until=BEGIN + timedelta(minutes=1)) == 1


def test_one_event_by_its_id(books: Books) -> None:
    books.act(2)
    assert books.audit.get("internal/2").subject == "token of anna"
    for wrong in ("internal/3", "internal", "internal/x", "internal/" + "9" * 30, "", "public/1"):
        with pytest.raises(NotFoundError):
            books.audit.get(wrong)


@pytest.mark.parametrize("after", ["x", "2026-11-21~internal/1", "2026-11-21T00:00:00+00:00~internal/-1", "~/"])
def test_a_wrong_cursor_is_a_mistake_of_the_one_who_asks(books: Books, after: str) -> None:
    with pytest.raises(UsageError):
        books.audit.page(Filter(), 10, after)


def test_exported_lines_prove_themselves(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_BATCH", 2)
    books.act(5)
    previous = "0" * 64
    for text in books.audit.export(Filter()):
        values = json.loads(text)
        told = values.pop("hash")
        again = json.dumps(values, sort_keys=True, separators=(",", ":"))
        assert (values["previous"], told) == (previous, hashlib.sha256(again.encode()).hexdigest())
        previous = told
    assert previous == books.audit.heads()[0].hash


def test_csv_has_no_formulas(books: Books) -> None:
    for subject in ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "  =1", "plain"):
        with books.database.begin() as connection:
            books.audit.append(connection, "a.b", subject, actor='=HYPERLINK("x")', via="cli")
    rows = list(csv.DictReader(io.StringIO("".join(books.audit.export(Filter(), "csv")), newline="")))
    assert [row["subject"] for row in rows] == [
        "'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "'  =1", "plain",
    ]  # fmt: skip
    assert {row["actor"] for row in rows} == {'\'=HYPERLINK("x")'}


RECORDS = Records(internal=Duration(30 * 86400))


def _aged(books: Books) -> list[Head]:
    """Three old segments with events, one of them with an export, and a young one."""
    heads = books.act(9)
    old = books.export(data_class="internal", note="old")
    assert old.event == 10
    books.act(2)
    books.later(days=31)
    return [*heads, *books.act(2)]


def test_pruning_removes_old_segments_whole_and_the_rest_is_whole(books: Books, short: int) -> None:
    heads = _aged(books)
    books.act(1, DataClass.PUBLIC)
    gone = books.audit.prune(books.now, RECORDS, actor="ben")
    assert [(one.segment, one.events, one.exports) for one in gone] == [(1, 4, 0), (2, 4, 0), (3, 4, 1)]
    verdict = books.verdict(heads)
    assert verdict.whole, verdict
    assert verdict.out_of_reach == 7
    events = books.audit.page(Filter(action="audit.prune", actor="ben"))[0]
    assert [event.detail["through"] for event in events] == [3, 2, 1]
    assert books.exports.report(By.WHO).exports == 0
    assert books.audit.prune(books.now, RECORDS) == ()


def test_a_quiet_chain_is_pruned_too(books: Books) -> None:
    books.act(2)
    books.later(days=31)
    assert len(books.audit.prune(books.now, RECORDS)) == 1
    assert books.verdict().whole
    assert books.verdict().events == 1
    books.act(1)
    assert books.verdict().whole


def test_nothing_is_pruned_where_no_time_is_set(books: Books, short: int) -> None:
    books.act(5)
    books.later(days=9999)
    assert books.audit.prune(books.now, Records()) == ()


def test_after_pruning_tampering_is_found_still(books: Books, short: int) -> None:
    _aged(books)
    books.audit.prune(books.now, RECORDS)
    books.sql("UPDATE audit_events SET actor = 'eve' WHERE seq = 14")
    assert (books.found().seq, books.found().what) == (14, Tampering.CHANGED)


def test_removing_events_under_the_name_of_pruning_is_found(books: Books, short: int) -> None:
    books.act(9)
    books.sql("DELETE FROM audit_events WHERE seq <= 4")
    books.sql("UPDATE audit_segments SET pruned = '2026-11-21T05:00:00.000000Z' WHERE number = 1")
    assert (books.found().seq, books.found().what) == (1, Tampering.REMOVED)


def test_a_segment_more_than_the_events_tell_of_is_found(books: Books, short: int) -> None:
    books.act(8)
    books.later(days=31)
    books.act(9)
    books.audit.prune(books.now, RECORDS)
    assert books.verdict().whole
    books.sql("DELETE FROM audit_events WHERE seq <= 12")
    books.sql("UPDATE audit_segments SET pruned = '2026-12-25T05:00:00.000000Z' WHERE number = 3")
    assert not books.verdict().whole


def test_another_app_in_the_same_state_has_a_trail_of_its_own(books: Books) -> None:
    other = Audit(books.database, "blog", PLACE[1], books.clock)
    books.act(2)
    with books.database.begin() as connection:
        assert other.append(connection, "a.b", actor="x", via="cli").seq == 1
    assert books.verdict().events == 2
    assert other.verify().whole
