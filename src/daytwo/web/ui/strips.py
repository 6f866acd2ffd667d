"""Strips: a time cut into pieces, each coloured by the worst that was in it. Drawn as SVG, without inline styles."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from daytwo.core.check import Verdict
from daytwo.watch.observations import Stretch

PIECES = 90
_BADNESS = (Verdict.OK, Verdict.INCONCLUSIVE, Verdict.FAILED)
_CLASS = {Verdict.OK: "ok", Verdict.FAILED: "bad", Verdict.INCONCLUSIVE: "open", None: "none"}
_HEIGHT = 20


@dataclass(frozen=True)
class Strip:
    """The verdicts of a time, in pieces of equal length.

    Args:
        begin: of the time.
        end: of it.
        pieces: the worst verdict of each piece; None where nothing is known.
    """

    begin: datetime
    end: datetime
    pieces: tuple[Verdict | None, ...]

    @property
    def failed(self) -> int:
        """In how many pieces something failed."""
        return sum(one is Verdict.FAILED for one in self.pieces)

    @property
    def said(self) -> str:
        """What it shows, for who cannot see it."""
        known = sum(one is not None for one in self.pieces)
        if not known:
            return "nothing is known yet"
        if not self.failed:
            return "no failure"
        return f"failures in {self.failed} of {known} pieces"

    @property
    def svg(self) -> Markup:
        """The drawing: a path for each colour, a stroke for each piece."""
        paths: dict[str, list[str]] = {}
        for index, one in enumerate(self.pieces):
            # A failure is taller than what is well: it is told apart without its colour.
            top = 0 if one is Verdict.FAILED else 4 if one is not None else 8
            paths.setdefault(_CLASS[one], []).append(f"M{index * 4 + 2} {top}V{_HEIGHT}")
        drawn = Markup("").join(
            Markup('<path class="{}" d="{}"/>').format(name, "".join(lines)) for name, lines in sorted(paths.items())
        )
        return Markup(
            '<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
        ).format(len(self.pieces) * 4, _HEIGHT, self.said, drawn)


def strip(histories: Iterable[Sequence[Stretch]], begin: datetime, end: datetime, pieces: int = PIECES) -> Strip:
    """Cut a time into pieces.

    Args:
        histories: of each check, its verdicts oldest first; the first may have begun before the time.
        begin: of the time.
        end: of it, not after now.
        pieces: how many.
    """
    worst: list[int] = [-1] * pieces
    length = (end - begin) / pieces
    for one in histories:
        for stretch, until in zip(one, [*(after.begin for after in one[1:]), end], strict=True):
            if until <= begin or stretch.begin >= end:
                continue
            first = max(0, int((stretch.begin - begin) / length))
            # A stretch that ends where a piece begins is not in that piece.
            last = min(pieces - 1, int((until - begin) / length - 1e-9))
            badness = _BADNESS.index(stretch.verdict)
            for index in range(first, last + 1):
                worst[index] = max(worst[index], badness)
    return Strip(begin, end, tuple(None if one < 0 else _BADNESS[one] for one in worst))
