"""A shop with a past, for pages and pictures: checks, numbers, runs, snapshots, heartbeats, exports, an alert."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from daytwo.core.channel import Event, Message
from daytwo.ledger.exports import Exports, Submission
from daytwo.respond.incidents import orders
from daytwo.store.tables import (
    alert_steps,
    alerts,
    checks,
    notifications,
    rule_states,
    runs,
    series,
    snapshots,
    stretches,
    transitions,
)
from daytwo.watch.numbers import Numbers, Summed
from daytwo.watch.numbers.points import Point
from daytwo.watch.rules.machine import Memory, State
from daytwo.watch.security.event import Submission as Reported
from daytwo.watch.traffic.tally import Tally
from tests.access.people import BOSS
from tests.web.conftest import World

CONFIG = """\
app: shop
timezone: UTC
services:
  web: {kind: http, url: "http://127.0.0.1:9/"}
  db: {kind: postgres, host: 127.0.0.1, database: shop, user: shop}
  cache: {kind: redis, host: 127.0.0.1}
  uploads: {kind: files, path: ./uploads}
repositories:
  local: {kind: archive, path: ./backups}
  offsite: {kind: archive, path: ./offsite}
backups:
  nightly: {services: [db, uploads], at: "0 3 * * *", keep: {last: 7}}
  weekly: {services: [db, uploads], at: "0 5 * * sun", to: [offsite]}
heartbeats:
  import: {every: 1h}
people: {dana: {email: dana@example.com}, kim: {email: kim@example.com}}
oncall: {ops: {people: [dana, kim]}}
rules:
  slow: {series: web.duration, take: p95, warning: "> 300ms", critical: "> 1s", about: "Look at the slowest queries: daytwo top"}
status_page: {title: The Shop, components: {front: {title: Shop front, services: [web]}}}
maintenance:
  monthly: {at: "0 2 * * sun#1", length: 2h}
"""


def config_at(now: datetime) -> str:
    """The configuration, with its schedules as far from this time as they are from the noon that other tests begin at.

    At some hours a backup would be overdue, or a maintenance on.
    """
    night, week, month = now - timedelta(hours=9), now + timedelta(hours=17), now + timedelta(days=15)
    return (
        CONFIG.replace("0 3 * * *", f"{night:%M %H} * * *")
        .replace("0 5 * * sun", f"{week:%M %H * * %w}")
        .replace("0 2 * * sun#1", f"0 2 {min(month.day, 28)} * *")
    )


OWN = {"app": "shop", "environment": "production"}
NAMES = ("web", "web.certificate", "db", "db.integrity", "cache", "uploads", "host", "backup.nightly")


def check(
    name: str, now: datetime, verdict: str = "ok", why: str = "", since: datetime | None = None, **numbers: float
) -> dict[str, object]:
    """A row of a check."""
    import json

    return OWN | {
        "name": name, "service": name.partition(".")[0], "verdict": verdict, "why": why, "since": since or now - timedelta(days=3),
        "at": now - timedelta(seconds=4), "failures": 4 if verdict == "failed" else 0, "every": 60.0,
        "detail": json.dumps({"numbers": {"duration": 0.042, **numbers}, "facts": {}}),
    }  # fmt: skip


def stretch(name: str, begin: datetime, verdict: str = "ok", why: str = "") -> dict[str, object]:
    """A row of its history."""
    return OWN | {"check": name, "begin": begin, "verdict": verdict, "why": why}


def fill(world: World, *, failing: bool = True, minutes: int = 1440) -> None:
    """Give it a past that ends now, by its own clock; numbers of so many minutes."""
    now, house = world.clock(), world.house
    rows = [check(name, now) for name in NAMES]
    past = [stretch(name, now - timedelta(days=3)) for name in NAMES]
    past += [
        stretch("cache", now - timedelta(hours=9), "failed", "refused"),
        stretch("cache", now - timedelta(hours=8, minutes=40)),
    ]
    past += [
        stretch("host", now - timedelta(hours=15), "inconclusive", "nobody looked"),
        stretch("host", now - timedelta(hours=14)),
    ]
    rows[1] = check("web.certificate", now, certificate_left=11 * 86400.0)
    if failing:
        since = now - timedelta(minutes=12)
        rows[0] = check("web", now, "failed", "status 503: Service Unavailable", since)
        past.append(stretch("web", since, "failed", "status 503: Service Unavailable"))
    with house.database.begin() as connection:
        connection.execute(checks.insert(), rows)
        connection.execute(stretches.insert(), past)
        connection.execute(runs.insert(), _runs(now))
        connection.execute(snapshots.insert(), _snapshots(now))
        if failing:
            _alert(connection, now)
        _numbers(connection, world, now, minutes)
    _exports(world)
    _probes(world, now)
    if failing:
        body = orders.Open(
            title="The shop answers 503", severity="P1", services=("web",), note="Since the disk was full"
        )
        house.writer.run(
            lambda connection: house.incident_desk.open(connection, body, BOSS, now - timedelta(minutes=9))
        )
        house.writer.run(lambda connection: _dead(connection, now))


def _alert(connection: sa.Connection, now: datetime) -> None:
    begin, why = now - timedelta(minutes=11), "status 503: Service Unavailable"
    key = OWN | {"rule": "web", "subject": "web", "level": "critical"}
    memory = Memory(state=State.FIRING, level="critical", since=begin, fired=begin)
    connection.execute(
        rule_states.insert().values(**key, state="firing", since=begin, fired=begin, detail=memory.to_json())
    )
    connection.execute(transitions.insert().values(**key, at=begin, old="ok", new="firing", why=why))
    if sa.inspect(connection).has_table("alerts"):
        found = connection.execute(alerts.insert().values(**key, fingerprint="f", service="web", begin=begin, why=why))
        number = found.inserted_primary_key[0] if found.inserted_primary_key else 0
        for stage, reason, detail in (
            ("silence", "loud", "no silence fits"),
            ("route", "routed", "to the channel ops"),
            ("send", "sent", "ops took it"),
        ):
            connection.execute(
                alert_steps.insert().values(
                    alert=number, at=begin, what="fired", stage=stage, reason=reason, detail=detail
                )
            )


def _runs(now: datetime) -> list[dict[str, object]]:
    common: dict[str, object] = {**OWN, "owner": "host", "actor": "schedule", "via": "schedule"}
    found: list[dict[str, object]] = [
        common | {
            "id": f"{day:016x}", "kind": "backup", "subject": "nightly", "begun": now - timedelta(days=day, hours=3),
            "ended": now - timedelta(days=day, hours=3) + timedelta(seconds=41 + day), "outcome": "failed" if day == 4 else "succeeded",
            "summary": "offsite: no route to host" if day == 4 else f"snapshot {day:08x} stored and read back",
        }
        for day in range(12)
    ]  # fmt: skip
    found.append(
        common | {
            "id": "f" * 16, "kind": "verify", "subject": "latest", "begun": now - timedelta(minutes=1), "ended": None, "outcome": "running",
            "summary": "", "actor": "alice", "via": "session",
            "progress": '{"db.dump": {"part": "db.dump", "state": "reading", "done": 41000000, "total": 96000000}}',
        }
    )  # fmt: skip
    return [{"progress": "{}", **one} for one in found]


def _snapshots(now: datetime) -> list[dict[str, object]]:
    return [
        OWN | {
            "repository": place, "id": f"{day:02x}{'5e1b07d3' * 3}", "backup": "nightly", "run": "x", "sequence": 100 - day,
            "at": now - timedelta(days=day, hours=3), "size": 84_000_000 + (30 - day) ** 2 * 40_000,
            "level": "verified" if day == 1 else "stored", "pinned": False, "safety": False,
        }
        for day in range(30) for place in ("local", "offsite")
        if day != 4
    ]  # fmt: skip


def _numbers(connection: sa.Connection, world: World, now: datetime, minutes: int) -> None:
    """Numbers by the minute."""
    chance, points = random.Random(7), []
    bytes_in, orders = 1e12, 1e6
    for minute in range(minutes):
        at = round((now - timedelta(minutes=minute)).timestamp() * 1000)
        day = 1 + 0.5 * math.sin(minute / 229)
        slow = 0.5 if minute < 12 else 0.0
        bytes_in -= 2.1e6 * day * chance.lognormvariate(0, 0.3)
        orders -= chance.randrange(round(8 * day)) if minute >= 12 else 0
        points += [
            Point("web.duration", "s", False, at, 0.08 * day * chance.lognormvariate(0, 0.35) + slow),
            Point("web.first_byte", "s", False, at, 0.05 * day * chance.lognormvariate(0, 0.3)),
            Point("host.cpu", "ratio", False, at, min(0.97, 0.3 * day * chance.lognormvariate(0, 0.3))),
            Point("host.memory", "ratio", False, at, 0.55 + 0.05 * day),
            Point("host.disk", "ratio", False, at, 0.81 - minute / 40000),
            Point("host.network_in", "B", True, at, bytes_in),
            Point("app.orders", "count", True, at, orders),
            Point("app.basket", "count", False, at, 3 * day * chance.lognormvariate(0, 0.2)),
        ]
    numbers = Numbers(world.house.database, "shop", "production")
    for first in range(0, len(points), 1000):
        numbers.add(connection, sorted(points[first : first + 1000], key=lambda one: one.at), now)
    numbers.add_summed(connection, _traffic(now, minutes, chance), now)
    assert connection.execute(sa.select(sa.func.count()).select_from(series)).scalar_one() >= 8


def _traffic(now: datetime, minutes: int, chance: random.Random) -> Iterator[Summed]:
    """Requests by the minute, of which more fail since the shop is ill."""
    for ago in range(1, min(minutes, 180)):
        minute = round((now - timedelta(minutes=ago)).timestamp()) // 60 * 60
        for route, share in (("/", 0.5), ("/cart", 0.3), ("/search", 0.2)):
            name, many = f"traffic.web.{route.strip('/') or 'root'}", round(share * 90 * chance.lognormvariate(0, 0.2))
            tally = Tally()
            for _ in range(many):
                bad = chance.random() < (0.3 if ago < 12 else 0.004)
                tally.add(503 if bad else 404 if chance.random() < 0.02 else 200, 0.05 * chance.lognormvariate(0, 0.6))
            yield from tally.summed(name, minute)
            if share == 0.5:
                yield from tally.summed("traffic.web", minute)


def _probes(world: World, now: datetime) -> None:
    """Somebody tries passwords, and is shut out."""
    given = [
        Reported(kind="auth_failure", source="203.0.113.9", user=user, route="/login", detail="401 POST /login")
        for user in ("root", "admin", "dana")
    ]
    world.house.writer.run(
        lambda connection: world.house.security_book.take(connection, given, "api", now - timedelta(minutes=3))
    )


def _dead(connection: sa.Connection, now: datetime) -> None:
    """A message that no channel took."""
    message = Message(
        event=Event.TRIGGER, key="k", title="web: status 503", level="critical", app="shop", environment="production",
        at=now - timedelta(minutes=10),
    )  # fmt: skip
    connection.execute(
        notifications.insert().values(
            **OWN, key="k", channel="ops", event="trigger", about="alert 1", message=message.model_dump_json(),
            state="dead", created=now - timedelta(minutes=10), due=now, until=now, tries=9, error="530 not logged in",
        )
    )  # fmt: skip


def _exports(world: World) -> None:
    register = Exports(world.house.database, world.house.audit, "shop", "production", world.clock)
    for who, what, destination, many in (
        ("dana@example.com", "orders", "accounting@example.com", 1204),
        ("kim@example.com", "customers", "newsletter.example.com", 5000),
        ("dana@example.com", "customers", "s3://example-archive/2026", 5000),
    ):
        given = Submission(who=who, what=what, destination=destination, rows=many, bytes=many * 212, format="csv")
        world.house.writer.run(partial(register.add, given=given, actor=who, via="token"))
