"""How backups stand."""

from datetime import UTC, datetime, timedelta

from daytwo.core.schedule import Cron
from daytwo.ledger.glance import Glance, SeenSnapshot
from daytwo.protect.status import Health, assess

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Nightly:
    """A backup of every night."""

    at = Cron("0 3 * * *")


def seen(*ages: timedelta) -> Glance:
    """Snapshots of so long ago, newest first as the state gives them."""
    return Glance(snapshots=tuple(
        SeenSnapshot(f"s{number}", "local", "nightly", NOW - age, 1, "stored", safety=False)
        for number, age in enumerate(sorted(ages))
    ))  # fmt: skip


def health(*ages: timedelta) -> tuple[Health, str | None]:
    (found,) = assess({"nightly": Nightly()}, "UTC", seen(*ages), NOW)
    return found.health, found.last.id if found.last else None


def test_f07_a_snapshot_from_the_future_does_not_stand_for_those_that_were_due() -> None:
    assert health(DAY * 3) == (Health.OVERDUE, "s0")
    assert health(-DAY * 400, DAY * 3) == (Health.OVERDUE, "s1")
    assert health(-DAY * 400, timedelta(hours=9)) == (Health.OK, "s1")
    assert health(-DAY * 400) == (Health.OK, "s0"), "it may be of last night: nobody can tell"


def test_a_snapshot_of_some_services_does_not_stand_for_a_whole_one() -> None:
    whole = seen(DAY * 3).snapshots[0]
    partial = SeenSnapshot("p", "local", "nightly", NOW, 1, "stored", safety=False, only=("db",))
    (found,) = assess({"nightly": Nightly()}, "UTC", Glance(snapshots=(partial, whole)), NOW)
    assert (found.health, found.last) == (Health.OVERDUE, whole)
    (found,) = assess({"nightly": Nightly()}, "UTC", Glance(snapshots=(partial,)), NOW)
    assert (found.health, found.last) == (Health.NEVER, None)
