"""What differs between two snapshots, told by their manifests alone."""

from dataclasses import dataclass

from daytwo.core.manifest import ComponentRecord, Manifest
from daytwo.core.units import Size


@dataclass(frozen=True)
class Change:
    """One difference.

    Args:
        component: in which component.
        item: a table, a folder, `size`, or `component`.
        before: in the older snapshot; empty where it was not.
        after: in the newer snapshot; empty where it is not.
    """

    component: str
    item: str
    before: str
    after: str


def compare(older: Manifest, newer: Manifest) -> list[Change]:
    """The differences, by component."""
    before = {record.name: record for record in older.components}
    after = {record.name: record for record in newer.components}
    changes: list[Change] = []
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            changes.append(Change(name, "component", "there" if old else "", "there" if new else ""))
        else:
            changes += _parts(name, old, new)
    return changes


def _parts(name: str, old: ComponentRecord, new: ComponentRecord) -> list[Change]:
    if old.plain and new.plain and old.plain.sha256 == new.plain.sha256:
        return []
    found = []
    if old.plain and new.plain and old.plain.size != new.plain.size:
        found.append(Change(name, "size", Size(old.plain.size).human, Size(new.plain.size).human))
    for item in sorted(old.counts.keys() | new.counts.keys()):
        left, right = old.counts.get(item), new.counts.get(item)
        if left != right:
            found.append(Change(name, item, "" if left is None else f"{left:,}", "" if right is None else f"{right:,}"))
    if old.source.version != new.source.version:
        found.append(Change(name, "version", old.source.version, new.source.version))
    return found or [Change(name, "content", "differs", "differs")]
