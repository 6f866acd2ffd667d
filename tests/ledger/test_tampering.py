"""Whoever changes the record behind daytwo's back is found: what was done, and where it begins."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daytwo.core.records import DataClass, Head
from daytwo.ledger.audit import Tampering, hash_of, tail
from daytwo.ledger.audit.event import NOTHING
from daytwo.ledger.audit.verify import verify
from daytwo.ledger.exports.witness import ExportWitness
from daytwo.store.tables import audit_events
from daytwo.store.url import StateUrl
from tests.ledger.books import PLACE, Books, opened


@pytest.fixture
def ten(books: Books, short: int) -> Books:
    """Ten events in three segments."""
    books.act(10)
    return books


def _change(books: Books, seq: int, **values: object) -> None:
    """Change a field."""
    sets = ", ".join(f"{name} = :{name}" for name in values)
    books.sql(f"UPDATE audit_events SET {sets} WHERE chain = 'internal' AND seq = :at_seq", at_seq=seq, **values)


def _delete(books: Books, *seqs: int) -> None:
    for seq in seqs:
        books.sql("DELETE FROM audit_events WHERE chain = 'internal' AND seq = :seq", seq=seq)


def _move(books: Books, seq: int, to: int) -> None:
    books.sql("UPDATE audit_events SET seq = :to WHERE chain = 'internal' AND seq = :seq", seq=seq, to=to)


def _swap(books: Books, one: int, other: int) -> None:
    _move(books, one, 999)
    _move(books, other, one)
    _move(books, 999, other)


def _rehash(row: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A row with other values and the hash that fits them."""
    row = row | values
    return row | {"hash": hash_of(row)}


def _forge(books: Books, seq: int, **values: Any) -> None:
    """Change a field, and the hash with it."""
    row = _rehash(books.event(seq), **values)
    _delete(books, seq)
    books.put(row)


def _rewrite(books: Books, first: int, **values: Any) -> None:
    """Write the chain anew from an event on: every hash, every segment, the recorded end."""
    last = books.audit.heads()[0].seq
    previous = books.event(first - 1)["hash"] if first > 1 else NOTHING
    for seq in range(first, last + 1):
        row = _rehash(books.event(seq), previous=previous, **(values if seq == first else {}))
        _delete(books, seq)
        books.put(row)
        previous = row["hash"]
        books.sql("UPDATE audit_segments SET head = :hash WHERE last = :seq", hash=previous, seq=seq)
        books.sql("UPDATE audit_segments SET previous = :hash WHERE first = :seq + 1", hash=previous, seq=seq)
    books.sql("UPDATE audit_chains SET hash = :hash", hash=previous)


def _cut(books: Books, last: int) -> None:
    """Cut the newest events off, and make everything else agree."""
    row = books.event(last)
    books.sql("DELETE FROM audit_events WHERE seq > :last", last=last)
    books.sql("DELETE FROM audit_segments WHERE first > :last", last=last)
    books.sql(
        "UPDATE audit_segments SET last = :last, head = :hash, newest = :at, count = :last - first + 1, closed = NULL"
        " WHERE number = :number",
        last=last, hash=row["hash"], at=row["at"], number=row["segment"],
    )  # fmt: skip
    books.sql(
        "UPDATE audit_chains SET seq = :last, hash = :hash, segment = :number",
        last=last, hash=row["hash"], number=row["segment"],
    )  # fmt: skip


def _insert_between(books: Books, seq: int, **values: Any) -> None:
    """Put an event between two others; the later ones move up."""
    for one in range(10, seq - 1, -1):
        _move(books, one, one + 1)
    before = books.event(seq - 1)
    row = before | {"seq": seq, "previous": before["hash"], "actor": "eve"}
    books.put(_rehash(row, **values) if not values else row | values)


def _close_up(books: Books, seq: int) -> None:
    """Take an event out; the later ones move down."""
    _delete(books, seq)
    for one in range(seq + 1, 11):
        _move(books, one, one - 1)


CASES: dict[str, tuple[Callable[[Books], None], int, Tampering]] = {
    "the first event changed": (lambda b: _change(b, 1, actor="eve"), 1, Tampering.CHANGED),
    "one in the middle changed": (lambda b: _change(b, 6, detail="{}"), 6, Tampering.CHANGED),
    "the last one changed": (lambda b: _change(b, 10, outcome="no"), 10, Tampering.CHANGED),
    "a time changed": (lambda b: _change(b, 6, at="2026-11-21T03:00:00Z"), 6, Tampering.CHANGED),
    "a hash changed": (lambda b: _change(b, 6, hash="0" * 64), 6, Tampering.CHANGED),
    "one changed, and its hash": (lambda b: _forge(b, 6, actor="eve"), 6, Tampering.CHANGED),
    "the first changed, and its hash": (lambda b: _forge(b, 1, actor="eve"), 1, Tampering.CHANGED),
    "a segment's last changed, and its hash": (lambda b: _forge(b, 4, actor="eve"), 4, Tampering.CHANGED),
    "the last changed, and its hash": (lambda b: _forge(b, 10, actor="eve"), 10, Tampering.CHANGED),
    "one removed": (lambda b: _delete(b, 6), 6, Tampering.REMOVED),
    "the first removed": (lambda b: _delete(b, 1), 1, Tampering.REMOVED),
    "a segment's events removed": (lambda b: _delete(b, 5, 6, 7, 8), 5, Tampering.REMOVED),
    "one removed, the later ones moved down": (
        lambda b: _close_up(b, 6),
        6,
        Tampering.REMOVED,
    ),
    "the last removed": (lambda b: _delete(b, 10), 10, Tampering.CUT_OFF),
    "the tail removed": (lambda b: _delete(b, 8, 9, 10), 8, Tampering.CUT_OFF),
    "everything removed": (lambda b: _delete(b, *range(1, 11)), 1, Tampering.CUT_OFF),
    "two neighbours swapped": (lambda b: _swap(b, 5, 6), 5, Tampering.REORDERED),
    "two far ones swapped": (lambda b: _swap(b, 2, 9), 2, Tampering.REORDERED),
    "one inserted": (lambda b: _insert_between(b, 6), 6, Tampering.INSERTED),
    "one inserted with a wrong hash": (lambda b: _insert_between(b, 6, hash="1" * 64), 6, Tampering.INSERTED),
    "one added at the end": (
        lambda b: b.put(_rehash(b.event(10), seq=11, previous=b.event(10)["hash"])),
        11,
        Tampering.INSERTED,
    ),
    "one before the first": (lambda b: b.put(_rehash(b.event(1), seq=0)), 0, Tampering.INSERTED),
    "a segment's row removed": (lambda b: b.sql("DELETE FROM audit_segments WHERE number = 2"), 5, Tampering.REMOVED),
    "the first segment's row removed": (
        lambda b: b.sql("DELETE FROM audit_segments WHERE number = 1"), 1, Tampering.REMOVED,
    ),
    "the last segment's row removed": (
        lambda b: b.sql("DELETE FROM audit_segments WHERE number = 3"), 9, Tampering.CUT_OFF,
    ),
    "the recorded end removed": (lambda b: b.sql("DELETE FROM audit_chains"), 1, Tampering.CUT_OFF),
    "the recorded end moved back": (lambda b: b.sql("UPDATE audit_chains SET seq = 8"), 9, Tampering.CUT_OFF),
    "the recorded end has another hash": (
        lambda b: b.sql("UPDATE audit_chains SET hash = 'x'"), 10, Tampering.CHANGED,
    ),
    "a segment's head changed": (
        lambda b: b.sql("UPDATE audit_segments SET head = 'x' WHERE number = 1"), 4, Tampering.CHANGED,
    ),
    "a segment's begin changed": (
        lambda b: b.sql("UPDATE audit_segments SET opened = 'x' WHERE number = 2"), 5, Tampering.CHANGED,
    ),
    "a segment's newest changed": (
        lambda b: b.sql("UPDATE audit_segments SET newest = '2020' WHERE number = 2"), 8, Tampering.CHANGED,
    ),
    "a segment's count changed": (
        lambda b: b.sql("UPDATE audit_segments SET count = 3 WHERE number = 2"), 5, Tampering.CHANGED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_tampering_is_named_with_its_place(ten: Books, name: str) -> None:
    do, seq, what = CASES[name]
    assert ten.verdict().whole
    do(ten)
    finding = ten.found()
    assert (finding.what, finding.seq, finding.chain) == (what, seq, "internal"), finding


def test_what_stands_after_a_break_is_counted_and_not_judged(ten: Books) -> None:
    assert ten.verdict().unread == {}
    _change(ten, 4, actor="mallory")
    verdict = ten.verdict()
    assert (verdict.findings[0].seq, verdict.events, verdict.unread) == (4, 3, {"internal": 6})


def test_of_a_break_at_the_end_nothing_is_left_to_look_at(ten: Books) -> None:
    _change(ten, 10, actor="mallory")
    assert ten.verdict().unread == {}
    _delete(ten, 5)
    verdict = ten.verdict()
    assert (verdict.events, verdict.unread) == (4, {"internal": 4})


def test_a_chain_nobody_knows_is_no_place_to_hide(ten: Books) -> None:
    ten.put(ten.event(3) | {"chain": "secret"})
    assert ten.found().chain == "secret"


def test_a_chain_written_anew_is_found_by_a_head_kept_elsewhere(ten: Books) -> None:
    old = ten.audit.heads()
    _rewrite(ten, 6, actor="eve")
    assert ten.verdict().whole, "without a head kept elsewhere nothing can tell"
    assert (ten.found(old).what, ten.found(old).seq) == (Tampering.REWRITTEN, 10)


def test_a_head_from_before_the_rewriting_does_not_blame_what_is_genuine(ten: Books) -> None:
    genuine = Head(chain="internal", seq=5, hash=ten.event(5)["hash"])
    _rewrite(ten, 6, actor="eve")
    assert ten.verdict([genuine]).whole


def test_a_chain_cut_off_with_everything_about_it_is_found_by_a_head_kept_elsewhere(ten: Books) -> None:
    old = ten.audit.heads()
    _cut(ten, 7)
    assert ten.verdict().whole
    assert (ten.found(old).what, ten.found(old).seq) == (Tampering.CUT_OFF, 8)


def test_a_chain_that_is_gone_without_a_trace_is_found_by_a_head_kept_elsewhere(ten: Books) -> None:
    old = ten.audit.heads()
    for table in ("audit_events", "audit_segments", "audit_chains"):
        ten.sql(f"DELETE FROM {table}")
    assert ten.verdict().whole
    assert (ten.found(old).what, ten.found(old).seq) == (Tampering.CUT_OFF, 1)


def test_heads_that_contradict_each_other_are_no_proof(ten: Books) -> None:
    (head,) = ten.audit.heads()
    assert ten.found([head, head.model_copy(update={"hash": "f" * 64})]).what is Tampering.REWRITTEN


def test_a_pruned_segments_end_is_compared_with_heads_kept_elsewhere(ten: Books) -> None:
    from daytwo.config.serving import Records
    from daytwo.core.units import Duration

    forged = Head(chain="internal", seq=4, hash="f" * 64)
    ten.later(days=31)
    ten.act()
    assert len(ten.audit.prune(ten.now, Records(internal=Duration(30 * 86400)))) == 3
    assert (ten.found([forged]).what, ten.found([forged]).seq) == (Tampering.REWRITTEN, 4)


EXPORT_CASES = {
    "rows": ("UPDATE exports SET rows = 77 WHERE number = 2", Tampering.CHANGED),
    "who": ("UPDATE exports SET who = 'eve' WHERE number = 2", Tampering.CHANGED),
    "class": ("UPDATE exports SET data_class = 'public' WHERE number = 2", Tampering.CHANGED),
    "digest": ("UPDATE exports SET digest = 'x' WHERE number = 2", Tampering.CHANGED),
    "event": ("UPDATE exports SET event = 3 WHERE number = 2", Tampering.CHANGED),
    "key": ("UPDATE exports SET key = 'x' WHERE number = 2", Tampering.CHANGED),
    "number": ("UPDATE exports SET number = 99 WHERE number = 2", Tampering.REMOVED),
    "removed": ("DELETE FROM exports WHERE number = 2", Tampering.REMOVED),
}


@pytest.mark.parametrize("name", EXPORT_CASES)
def test_a_changed_or_removed_export_is_found(books: Books, name: str) -> None:
    for number in range(3):
        books.export(rows=number)
    assert books.verdict().whole
    statement, what = EXPORT_CASES[name]
    books.sql(statement)
    first = books.verdict().findings[0]
    assert (first.what, first.seq) == (what, 2)


def test_an_export_that_no_event_tells_of_is_found(books: Books) -> None:
    books.export()
    books.sql(
        "INSERT INTO exports SELECT 7, app, environment, at, who, what, destination, data_class, status, rows, bytes,"
        " format, sha256, note, key, event, digest FROM exports"
    )
    assert books.found().what is Tampering.INSERTED


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """A trail that every example of the property test changes, and puts back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "SEGMENT", 5)
        made = opened(StateUrl.parse("state.db", tmp_path_factory.mktemp("whole")))
        made.act(7)
        made.export()
        made.act(4, DataClass.RESTRICTED)
        made.act(6)
        yield made
        made.database.close()


VALUES = st.one_of(
    st.integers(-(2**60), 2**60), st.text(max_size=40).filter(lambda text: text.isprintable()), st.just("{}"),
    st.sampled_from(["internal", "public", "anna", NOTHING, "2026-11-21T03:01:00.000000Z"]), st.binary(max_size=8),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    row=st.integers(0, 17), column=st.sampled_from([c.name for c in audit_events.c]), value=VALUES, forged=st.booleans()
)
def test_any_single_mutation_is_found(whole: Books, row: int, column: str, value: object, forged: bool) -> None:
    with _undone(whole) as connection:
        old = connection.execute(sa.text("SELECT rowid, * FROM audit_events ORDER BY rowid")).mappings().all()[row]
        with contextlib.suppress(sa.exc.IntegrityError):  # a number that is taken, or a value the column refuses
            connection.execute(
                sa.text(f'UPDATE audit_events SET "{column}" = :value WHERE rowid = :row'),
                {"value": value, "row": old["rowid"]},
            )
        new = connection.execute(sa.text("SELECT * FROM audit_events WHERE rowid = :r"), {"r": old["rowid"]})
        now = dict(new.mappings().one())
        changed = any(now[name] != old[name] or type(now[name]) is not type(old[name]) for name in now)
        if forged and changed:
            connection.execute(
                sa.text("UPDATE audit_events SET hash = :hash WHERE rowid = :row"),
                {"hash": hash_of(now), "row": old["rowid"]},
            )
            changed = column != "hash"
        verdict = verify(connection, PLACE, (), [ExportWitness(PLACE)])
        assert verdict.whole != changed, (column, value, verdict)


@settings(deadline=None)
@given(row=st.integers(0, 17))
def test_any_single_removal_is_found(whole: Books, row: int) -> None:
    with _undone(whole) as connection:
        connection.execute(
            sa.text("DELETE FROM audit_events WHERE rowid = (SELECT rowid FROM audit_events LIMIT 1 OFFSET :row)"),
            {"row": row},
        )
        assert not verify(connection, PLACE, (), [ExportWitness(PLACE)]).whole


@contextlib.contextmanager
def _undone(books: Books) -> Iterator[sa.Connection]:
    with books.database.engine.connect() as connection:
        yield connection
        connection.rollback()
