"""The register of exports: added once, found by everything, summed up, kept in step with the audit trail."""

import csv
import io
import itertools
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from daytwo.config.serving import Records
from daytwo.core.errors import ConflictError, NotFoundError, UsageError
from daytwo.core.records import DataClass
from daytwo.core.units import Duration
from daytwo.ledger.audit import Event, Filter
from daytwo.ledger.csvtext import csv_line
from daytwo.ledger.exports import By, ExportFilter, ExportRecord, Status, query, search
from daytwo.ledger.exports.totals import _pieces
from daytwo.store.tables import exports
from tests.ledger.books import BEGIN, Books, submission


def test_an_export_and_its_event_are_there_together(books: Books) -> None:
    record = books.export(note="for the audit", bytes=10, sha256="a" * 64, data_class="restricted")
    assert books.exports.get(record.number) == record
    event = books.audit.get(f"restricted/{record.event}")
    assert (event.action, event.subject) == ("export.add", f"export {record.number}")
    assert event.detail["digest"] == record.digest
    verdict = books.verdict()
    assert (verdict.whole, verdict.exports) == (True, 1)


def test_what_is_rolled_back_leaves_neither_record_nor_event_nor_sum(books: Books) -> None:
    with pytest.raises(RuntimeError), books.database.begin() as connection:
        books.exports.add(connection, submission(), actor="anna", via="cli")
        raise RuntimeError
    assert books.exports.page(ExportFilter()) == ((), None)
    assert books.exports.report(By.WHO).exports == 0
    assert books.verdict().events == 0
    assert books.export().number == 1


def test_the_same_key_and_content_give_the_same_record(books: Books) -> None:
    first = books.export(key="k1")
    books.later(days=2)
    with books.database.begin() as connection:
        again = books.exports.add(connection, submission(key="k1"), actor="ben", via="token")
    assert (again.record, again.new) == (first, False)
    assert books.verdict().events == 1


def test_the_same_key_with_other_content_is_a_conflict_and_changes_nothing(books: Books) -> None:
    books.export(key="k1")
    with pytest.raises(ConflictError, match="k1"):
        books.export(key="k1", rows=13)
    assert books.verdict().whole
    assert books.exports.report(By.WHO).exports == 1


def test_a_key_twice_in_one_call(books: Books) -> None:
    by = Event("", actor="anna", via="cli")
    with books.database.begin() as connection:
        added = books.exports.add_all(connection, [submission(key="k"), submission(), submission(key="k")], by)
    assert [one.new for one in added] == [True, True, False]
    assert added[0].record == added[2].record


@pytest.mark.parametrize(
    "values",
    [
        {"rows": -1}, {"rows": 10**13}, {"who": ""}, {"who": " "}, {"who": "a\nb"}, {"what": "x" * 201}, {"who": "a\0"},
        {"sha256": "A" * 64}, {"sha256": "ab"}, {"data_class": "secret"}, {"status": "done"}, {"note": "\x1b[31m"},
        {"key": ""}, {"colour": "red"}, {"destination": "\ud800"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        submission(**values)


def test_a_number_that_is_not_there(books: Books) -> None:
    for number in (0, -1, 1, 1 << 70):
        with pytest.raises(NotFoundError):
            books.exports.get(number)


PEOPLE, DATA, PLACES = ("anna", "ben", "Zoë Müller"), ("orders", "late orders", "leads"), ("acme", "sftp://x/100%_y")


@pytest.fixture
def many(books: Books) -> Books:
    """Three hundred records over ten days; some of them rare."""
    chance = random.Random(5)
    for day in range(10):
        with books.database.begin() as connection:
            given = [
                submission(
                    who=chance.choice(PEOPLE), what=chance.choice(DATA), destination=chance.choice(PLACES),
                    data_class=chance.choice(list(DataClass)), status=chance.choice(list(Status)),
                    rows=chance.randrange(99), note=chance.choice(("", "for the Audit", 'say "hi"', "ärger * ^ ( )")),
                )
                for _ in range(30)
            ]  # fmt: skip
            books.exports.add_all(connection, given, Event("", actor="x", via="cli"), BEGIN + timedelta(days=day))
    return books


def _all(books: Books, wanted: ExportFilter, limit: int = 7) -> list[ExportRecord]:
    found: list[ExportRecord] = []
    after = None
    while True:
        page, after = books.exports.page(wanted, limit, after)
        found += page
        if after is None:
            return found


def _matches(one: ExportRecord, wanted: ExportFilter) -> bool:
    text = " ".join((one.who, one.what, one.destination, one.data_class, one.status, one.format, one.note)).lower()
    return (
        wanted.who in (None, one.who)
        and wanted.what in (None, one.what)
        and wanted.destination in (None, one.destination)
        and wanted.data_class in (None, one.data_class)
        and wanted.status in (None, one.status)
        and (wanted.since is None or one.at >= wanted.since)
        and (wanted.until is None or one.at < wanted.until)
        and all(word.lower() in text for word in (wanted.text or "").split())
    )


CHOICES: dict[str, tuple[Any, ...]] = {
    "who": ("anna", "Zoë Müller", "nobody"),
    "what": ("orders",),
    "destination": ("acme", "sftp://x/100%_y"),
    "data_class": (DataClass.RESTRICTED,),
    "status": (Status.FAILED,),
    "since": (BEGIN + timedelta(days=3, seconds=1), BEGIN + timedelta(days=99)),
    "until": (BEGIN + timedelta(days=6), BEGIN),
    "text": ("audit", "ord ann", "100%_", '"hi"', "müll", "for au", "failed acme", "zzz", "* ^ ( ärg", "orders anna"),
}


@pytest.mark.slow
@pytest.mark.parametrize("reading", [0, 1500], ids=["index", "read"])
def test_every_combination_of_filters_finds_what_comparing_each_record_finds(
    many: Books, reading: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "_READABLE", reading)
    everything = _all(many, ExportFilter(), 500)
    assert [one.number for one in everything] == list(range(300, 0, -1))
    for count in range(1, 4):
        for names in itertools.combinations(CHOICES, count):
            for values in itertools.product(*(CHOICES[name] for name in names)):
                wanted = ExportFilter(**dict(zip(names, values, strict=True)))
                expected = [one.number for one in everything if _matches(one, wanted)]
                assert [one.number for one in many.exports.page(wanted, 500)[0]] == expected, wanted


def test_the_search_index_itself_leaves_hardly_a_record_that_does_not_match(many: Books) -> None:
    """What is compared record by record makes a search among a million slow."""
    if not many.database.url.is_sqlite:
        pytest.skip("this is about SQLite's index")
    wanted = ExportFilter(who="anna", status=Status.COMPLETED, text="orders audit")
    expected = [one for one in _all(many, ExportFilter(), 500) if _matches(one, wanted)]
    with many.database.read() as connection:
        words = ("orders", "audit")
        _, conditions = search.by_index(connection, words, wanted.values())
        found = (
            sa.select(sa.literal_column("rowid", sa.Integer))
            .select_from(sa.table("exports_search"))
            .where(conditions[0])
        )
        candidates: set[int] = set(connection.execute(found).scalars())
    assert {one.number for one in expected} <= candidates
    assert 0 < len(expected) == len(candidates)


def test_parts_of_a_word_in_another_order_are_not_the_word(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "_READABLE", 0)
    books.export(note="fedcba abc def")
    right = books.export(note="ABCDEF")
    assert books.exports.page(ExportFilter(text="abcdef"))[0] == (right,)
    assert books.exports.page(ExportFilter(text="abcdefg"))[0] == ()


def test_a_value_with_the_same_mark_is_another_value(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "_READABLE", 0)
    monkeypatch.setattr(search, "_mark", lambda name, value: "\u4e00" * 3)
    right = books.export(who="anna", note="audit")
    books.export(who="ben", note="audit")
    assert books.exports.page(ExportFilter(who="anna", text="audit"))[0] == (right,)


def test_pages_have_every_record_once(many: Books) -> None:
    for wanted in (ExportFilter(who="anna"), ExportFilter(text="orders"), ExportFilter(who="anna", text="audit")):
        assert _all(many, wanted) == _all(many, wanted, 500)


def test_a_clock_that_is_set_back_hides_nothing_from_a_time_span(books: Books) -> None:
    books.export()
    books.later(days=-3)
    early = books.export()
    books.later(days=3)
    books.export()
    wanted = ExportFilter(since=BEGIN - timedelta(days=3, hours=1), until=BEGIN - timedelta(days=2))
    assert books.exports.page(wanted)[0] == (early,)


@pytest.mark.parametrize("text", ["ab", "a b c", " ", "\0"])
def test_a_search_that_is_too_short_is_refused(books: Books, text: str) -> None:
    books.export()
    with pytest.raises(UsageError):
        books.exports.page(ExportFilter(text=text))


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 40, "1~2"])
def test_a_wrong_cursor_is_a_mistake_of_the_one_who_asks(books: Books, after: str) -> None:
    with pytest.raises(UsageError):
        books.exports.page(ExportFilter(), 10, after)


def test_the_report_is_the_sum_of_the_records(many: Books) -> None:
    columns = {By.WHO: "who", By.WHAT: "what", By.DESTINATION: "destination", By.CLASS: "data_class"}
    columns[By.STATUS] = "status"
    since, until = date(2026, 11, 23), date(2026, 11, 27)
    records = [one for one in _all(many, ExportFilter(), 500) if since <= one.at.date() <= until]
    for by, column in columns.items():
        found = many.exports.report(by, since, until)
        expected: dict[str, list[int]] = {}
        for one in records:
            sums = expected.setdefault(str(getattr(one, column)), [0, 0])
            sums[0] += 1
            sums[1] += one.rows
        assert {line.value: [line.exports, line.rows] for line in found.lines} == expected
        assert (found.exports, found.rows) == (len(records), sum(one.rows for one in records))
    assert many.exports.report(By.WHO).exports == 300


def test_months_in_the_report_and_spans_without_records(books: Books) -> None:
    for day in (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 4, 9, tzinfo=UTC)):
        books.now = day
        books.export(rows=2)
    months = [(line.value, line.rows) for line in books.exports.report(By.MONTH).lines]
    assert months == [("2026-01", 2), ("2026-02", 2), ("2026-04", 2)]
    assert books.exports.report(By.MONTH, date(2026, 2, 1), date(2026, 4, 8)).exports == 1
    assert books.exports.report(By.WHO, date(2027, 1, 1)).exports == 0
    assert books.exports.report(By.WHO, date(2026, 5, 1), date(2026, 1, 1)).exports == 0


@settings(max_examples=100)
@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 900))
def test_the_pieces_of_a_span_are_each_of_its_days_once(first: date, days: int) -> None:
    span = [first + timedelta(days=day) for day in range(days + 1)]
    pieces = list(_pieces(first, span[-1]))
    covered = [sum(day.isoformat().startswith(piece) for piece in pieces) for day in (*span, span[-1] + timedelta(1))]
    assert covered == [1] * len(span) + [0]


def test_csv_has_every_record_and_no_formulas(books: Books) -> None:
    books.export(who="=cmd|' /C calc'!A0", note="two\nlines")
    books.export(key="k")
    rows = list(csv.DictReader(io.StringIO("".join(books.exports.csv(ExportFilter())), newline="")))
    assert [row["number"] for row in rows] == ["2", "1"]
    assert rows[1]["who"] == "'=cmd|' /C calc'!A0"
    assert rows[1]["note"] == "two\nlines"
    assert (rows[0]["key"], rows[0]["rows"]) == ("k", "12")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1", "\uff0b1"])
def test_no_text_begins_a_formula(text: str) -> None:
    assert next(csv.reader([csv_line([text, "a"])]))[0].startswith("'")
    assert csv_line([-1, "a=1"]) == "-1,a=1\r\n"


def test_pruning_takes_records_sums_and_search_along(books: Books) -> None:
    books.export(note="findable", key="k")
    other = books.export(data_class="public", note="findable")
    books.later(days=40)
    young = books.export(note="findable")
    books.audit.prune(books.now, Records(internal=Duration(30 * 86400)))
    # The young record is in a new segment, as a month has begun since.
    assert _all(books, ExportFilter()) == [young, other] == _all(books, ExportFilter(text="findable"))
    assert books.exports.report(By.WHO).exports == 2
    assert books.verdict().whole
    assert books.export(key="k").number == 4, "a number is never given twice; a key is free again"


def test_listing_the_events_of_exports(books: Books) -> None:
    books.export()
    assert len(books.audit.page(Filter(action="export.add"))[0]) == 1


@pytest.mark.real
def test_postgres_uses_its_trigrams(books: Books) -> None:
    if books.database.url.is_sqlite:
        pytest.skip("this is about PostgreSQL")
    from daytwo.ledger.exports import query

    books.export()
    with books.database.read() as connection:
        connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        connection.execute(sa.text("ALTER TABLE exports DROP CONSTRAINT exports_pkey"))
        for index in exports.indexes:  # undone at the end, as nothing here is committed
            connection.execute(sa.text(f"DROP INDEX {index.name}"))
        wanted = query._query(connection, ("shop", "production"), ExportFilter(text="audit"), query.Span(1, 9))
        assert wanted is not None
        text = str(wanted.compile(connection, compile_kwargs={"literal_binds": True}))
        plan = connection.exec_driver_sql(f"EXPLAIN {text}").scalars().all()
    assert any("exports_trigrams" in line for line in plan), plan
