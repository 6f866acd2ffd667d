"""The disk guard: a backup that would fill a disk is refused before it starts, and stopped before it does.

The need is estimated from the last snapshot, with head-room for growth; a floor stays free in any case, since what
fills a disk takes the databases on it down too.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from daytwo.core.errors import SpaceError
from daytwo.core.manifest import ComponentRecord, Manifest
from daytwo.core.repository import Repository, RepositorySettings
from daytwo.core.units import Percent, Size

HEADROOM = Percent(0.25)
"""How much more than the last time is reckoned with."""
LOOK_EVERY = 64 << 20
"""Bytes between two looks at the free space while writing."""


@dataclass(frozen=True)
class Need:
    """How much space something needs, and how that is known.

    Args:
        size: in bytes.
        basis: where the number is from, in words.
    """

    size: int
    basis: str


def required(
    last: Manifest | None,
    components: Collection[str] | None = None,
    *,
    stored: int | None = None,
    headroom: float = HEADROOM,
) -> Need:
    """Estimate what the next snapshot takes.

    Args:
        last: the newest snapshot in the repository, if there is one.
        components: what will be backed up; all of the last snapshot's when absent. One that the last snapshot did not
            have counts as nothing, and is named in the basis.
        stored: bytes that the last snapshot takes in the repository, where the repository knows: compressed, so less
            than its components together.
        headroom: share on top.
    """
    if last is None:
        return Need(0, "there is no earlier snapshot to estimate from")
    names = [record.name for record in last.components] if components is None else components
    size = _plain(last.components, names)
    if stored is not None:
        whole = _plain(last.components, [record.name for record in last.components])
        size = round(stored * (size / whole if whole else 1))
    new = sorted(set(names) - {record.name for record in last.components})
    basis = f"the snapshot of {last.at:%Y-%m-%d} took {Size(size).human}, and {Percent(headroom)} more is reckoned with"
    return Need(round(size * (1 + headroom)), basis + (f"; {', '.join(new)} not counted, as it is new" if new else ""))


def judge(free: int | None, need: Need, floor: float, where: str = "") -> str | None:
    """Whether there is room.

    Args:
        free: free bytes, or None where that cannot be known: then there is nothing to refuse.
        need: what will be written.
        floor: bytes that must stay free.
        where: the place, for the answer.

    Returns:
        None, or why not, with the numbers.
    """
    if free is None or free >= need.size + floor:
        return None
    there = f" on {where}" if where else ""
    have = f"{Size(free).human} free{there}"
    if not need.size:
        return f"{have}, and {Size(floor).human} must stay free"
    return f"{have}, but {Size(need.size).human} needed ({need.basis}) and {Size(floor).human} must stay free"


def guard(
    repository: "Repository[RepositorySettings]",
    last: Manifest | None,
    floor: float,
    components: Collection[str] | None = None,
) -> None:
    """Refuse a backup that the repository has no room for.

    Args:
        repository: where it would be stored.
        last: its newest snapshot. Only where its location note says the `size` in bytes that it takes is the next one's
            reckoned with: what deduplicates takes far less than the data, and must not be refused for its size.
        floor: bytes that must stay free there.
        components: what will be backed up; the same as last time when absent.

    Raises:
        SpaceError: there is too little.
    """
    free, stored = repository.free(), last.location.get("size") if last else None
    need = Need(0, "its snapshots do not say what they take")
    if isinstance(stored, int):
        need = required(last, components, stored=stored)
    if (why := judge(free, need, floor)) and free is not None:
        raise SpaceError(why, where=f"repository {repository.name}", hint=_remedy(free, need.size + floor))


def watching(
    chunks: Iterable[bytes], free: Callable[[], int | None], floor: float, where: str = "", every: int = LOOK_EVERY
) -> Iterator[bytes]:
    """The same chunks, as long as the floor stays free: data grows, and others write to the disk too.

    Args:
        chunks: what is being written.
        free: looks how much is free.
        floor: bytes that must stay free.
        where: the place, for the error.
        every: bytes between two looks.

    Raises:
        SpaceError: writing on would leave less than the floor free.
    """
    since = every
    for chunk in chunks:
        if since >= every:
            since, left = 0, free()
            if left is not None and left < floor + len(chunk):
                what = f"stopped writing with {Size(left).human} free, since {Size(floor).human} must stay free"
                raise SpaceError(what, where=where, hint=_remedy(left, floor + every))
        since += len(chunk)
        yield chunk


def _plain(records: Iterable[ComponentRecord], names: Collection[str]) -> int:
    digests = [record.plain or record.stored for record in records if record.name in names]
    return sum(digest.size for digest in digests if digest)


def _remedy(free: int, wanted: float) -> str:
    lacking = Size(wanted - free).human
    return f"Free {lacking} there, remove snapshots (`daytwo prune`, or a shorter `keep`), or store on a larger disk"
