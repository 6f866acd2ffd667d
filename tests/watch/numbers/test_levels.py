"""Which levels a window is read from."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from daytwo.watch.numbers.levels import DAY, FIVE, HOUR, LEVELS, MINUTE, RAW, SLOT, Marks, cover

UNTIL = {MINUTE: 40 * DAY - 180, FIVE: 40 * DAY - 300, HOUR: 40 * DAY - HOUR, DAY: 39 * DAY}
WHOLE = Marks(UNTIL)
PRUNED = Marks(UNTIL, {RAW: 38 * DAY, MINUTE: 38 * DAY, FIVE: 10 * DAY, HOUR: 5 * DAY})
times = st.integers(0, 41 * DAY * 1000)


@given(times, times)
def test_pieces_are_the_window(begin: int, end: int) -> None:
    covered = cover(begin, end, WHOLE)
    assert covered.grain == 0
    at = begin
    for piece in covered.pieces:
        assert piece.begin == at < piece.end
        if piece.level:
            assert piece.begin % (piece.level * 1000) == piece.end % (piece.level * 1000) == 0
            assert piece.end <= WHOLE.rolled(piece.level) * 1000
        at = piece.end
    assert at == max(begin, end)


@given(times, times)
def test_no_level_is_read_for_longer_than_it_must(begin: int, end: int) -> None:
    for piece in cover(begin, min(end, UNTIL[DAY] * 1000), WHOLE).pieces:
        longer = [level for level in LEVELS if level > piece.level]
        if longer:
            assert piece.end - piece.begin < 2 * longer[0] * 1000


@given(times, times, times)
def test_windows_that_adjoin_count_everything_once(first: int, second: int, third: int) -> None:
    begin, middle, end = sorted((first - first % (DAY * 1000), second, third))
    pieces = [*cover(begin, middle, PRUNED).pieces, *cover(middle, end, PRUNED).pieces]
    for one, other in pairwise(pieces):
        assert one.end <= other.begin
    lost = [(one.end, other.begin) for one, other in pairwise(pieces) if one.end < other.begin]
    assert lost == [], "what lies between two pieces counts for nobody"


@given(times, times)
def test_what_was_deleted_is_not_read(begin: int, end: int) -> None:
    for piece in cover(begin, end, PRUNED).pieces:
        kept = PRUNED.kept(piece.level) * 1000
        assert piece.begin >= kept or piece.end - piece.begin < DAY * 1000


def test_the_grain_is_told() -> None:
    day = DAY * 1000
    assert cover(30 * day + 7, 39 * day + 5, PRUNED).grain == FIVE
    assert cover(7 * day + 7, 8 * day, PRUNED).grain == HOUR
    assert cover(2 * day + 7, 8 * day, PRUNED).grain == DAY
    assert cover(38 * day + 7, 39 * day + 5, PRUNED).grain == 0
    assert cover(20 * day, 39 * day, PRUNED).grain == 0


def test_a_slot_holds_whole_buckets_of_the_next_level() -> None:
    for level, longer in pairwise(LEVELS):
        assert SLOT[level] % longer == 0
