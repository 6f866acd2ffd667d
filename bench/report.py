"""What came out, as a table: each comparison with what is wanted of it, then what every contestant took."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from bench.measure import Sample, middle


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        title: of what.
        ours: daytwo's value, with its unit.
        theirs: the peer's value, or the limit.
        ratio: what the comparison gives, as it is shown.
        wanted: what was hoped for, as it is shown.
        good: whether it is so; None where nothing is wanted or nothing could be measured.
    """

    title: str
    ours: str
    theirs: str
    ratio: str
    wanted: str
    good: bool | None

    @property
    def mark(self) -> str:
        """PASS or behind."""
        return {True: "PASS", False: "behind", None: "-"}[self.good]


@dataclass
class Report:
    """Everything measured: the samples by what was done and by whom, and the comparisons in order."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def add(self, what: str, who: str, sample: Sample) -> None:
        """Keep a sample."""
        self.samples.setdefault(what, {}).setdefault(who, []).append(sample)

    def wall(self, what: str, who: str) -> float:
        """The median seconds."""
        return middle(self.samples[what][who]).wall

    def times_as_fast(self, title: str, what: str, peer: str, wanted: float) -> None:
        """Compare with a peer that daytwo should be faster than by a factor."""
        ours, theirs = self.wall(what, "daytwo"), self.wall(what, peer)
        factor = theirs / ours
        self.rows.append(
            Row(title, f"{ours:.2f} s", f"{theirs:.2f} s", f"{factor:.2f}x as fast", f"at least {wanted:g}x",
                factor >= wanted)
        )  # fmt: skip

    def share_of(self, title: str, what: str, peer: str, wanted: float | None, theirs: float | None = None) -> None:
        """Compare with a peer whose time daytwo should take no more than a share of.

        Args:
            title: of the row.
            what: what was done.
            peer: by whom else; named in the row.
            wanted: the share, or None for a row that only informs.
            theirs: the peer's seconds, where they are not simply the median.
        """
        ours = self.wall(what, "daytwo")
        theirs = self.wall(what, peer) if theirs is None else theirs
        share = ours / theirs
        hoped, good = ("", None) if wanted is None else (f"at most {wanted:g}", share <= wanted)
        self.rows.append(
            Row(f"{title} ({peer})", f"{ours:.2f} s", f"{theirs:.2f} s", f"{share:.2f} of it", hoped, good)
        )

    def limit(self, title: str, value: float, limit: float, unit: str) -> None:
        """Compare a value with its limit."""
        self.rows.append(
            Row(
                title, f"{value:.0f} {unit}", "", f"{value / limit:.2f} of it", f"under {limit:g} {unit}", value < limit
            )
        )

    def missing(self, title: str, why: str) -> None:
        """Say that a comparison could not be made."""
        self.rows.append(Row(title, "", "", why, "", None))

    def own_memory(self) -> int:
        """The largest that daytwo's own process was in anything, bytes."""
        return max((sample.own for by in self.samples.values() for sample in by.get("daytwo", ())), default=0)

    def text(self) -> str:
        """Both tables."""
        rows = [(r.title, r.ours, r.theirs, r.ratio, r.wanted, r.mark) for r in self.rows]
        head = ("comparison", "daytwo", "peer", "ratio", "wanted", "")
        costs = ("what", "who", "seconds", "from - to", "CPU s", "own MB", "largest process")
        return f"{_table([head, *rows])}\n\n{_table([costs, *self._costs()])}\n"

    def _costs(self) -> Iterable[tuple[str, ...]]:
        for what, by in self.samples.items():
            for who, samples in by.items():
                one, walls = middle(samples), [sample.wall for sample in samples]
                largest = f"{_mb(one.largest)} MB {one.name}" if one.largest else ""
                own = _mb(one.own) if one.own else ""
                yield (what, who, f"{one.wall:.2f}", f"{min(walls):.2f} - {max(walls):.2f}", f"{one.cpu:.2f}", own,
                       largest)  # fmt: skip

    def json(self, about: Mapping[str, object]) -> str:
        """Everything, with what is said about the machine and the app."""
        samples = {what: {who: [asdict(one) for one in found] for who, found in by.items()}
                   for what, by in self.samples.items()}  # fmt: skip
        return json.dumps({"about": about, "rows": [asdict(row) for row in self.rows], "samples": samples}, indent=1)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
