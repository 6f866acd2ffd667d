"""What is said of a snapshot after it was made."""

from datetime import UTC, datetime, timedelta

from daytwo.core.manifest import Level, Manifest, Mark, MarkKind, Snapshot

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)


def snapshot(*marks: Mark) -> Snapshot:
    manifest = Manifest(id="s1", run="r", sequence=1, app="a", environment="e", backup="nightly", at=NOW, ended=NOW,
                        host="h", daytwo="0", config="c")  # fmt: skip
    return Snapshot(repository="local", manifest=manifest, marks=marks)


def test_f07_the_last_word_counts_although_the_clock_was_ahead_before() -> None:
    ahead = NOW + timedelta(days=1)
    marks = [Mark(kind=MarkKind.VERIFIED, at=ahead), Mark(kind=MarkKind.UNPINNED, at=ahead)]
    marks.append(snapshot(*marks).said(MarkKind.DAMAGED, NOW, "a byte is missing"))
    marks.append(snapshot(*marks).said(MarkKind.PINNED, NOW))
    assert [mark.at > ahead for mark in marks[2:]] == [True, True]
    assert snapshot(*reversed(marks)).level is Level.DAMAGED
    assert snapshot(*reversed(marks)).pinned
    assert snapshot().said(MarkKind.PINNED, NOW, "why") == Mark(kind=MarkKind.PINNED, at=NOW, note="why")
    assert snapshot(Mark(kind=MarkKind.PINNED, at=NOW)).said(MarkKind.UNPINNED, ahead).at == ahead
