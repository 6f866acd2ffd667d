"""Situations for the golden files of retention: what is there, what the policy is, what time it is."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from daytwo.config.models import Keep
from daytwo.core.manifest import Level
from daytwo.core.units import Duration
from daytwo.protect.retention import Candidate, RetentionPlan, plan

BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
MINUTES = timedelta(minutes=5)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def made(at: datetime, sequence: int, **more: object) -> Candidate:
    at = at.astimezone(UTC)
    return Candidate(f"s{sequence:03}", sequence, at, at + MINUTES, **more)  # type: ignore[arg-type]


def series(first: datetime, step: timedelta, count: int, sequence: int = 1) -> tuple[Candidate, ...]:
    """Snapshots at equal distances of real time."""
    return tuple(made(first.astimezone(UTC) + step * i, sequence + i) for i in range(count))


def nightly(first: str, count: int, hour: int = 3, sequence: int = 1, zone: ZoneInfo = BERLIN) -> tuple[Candidate, ...]:
    """Snapshots at the same wall time each night."""
    day = datetime.fromisoformat(first).replace(hour=hour)
    return tuple(made((day + DAY * i).replace(tzinfo=zone), sequence + i) for i in range(count))


def altered(snapshots: Iterable[Candidate], **by_id: dict) -> tuple[Candidate, ...]:
    return tuple(replace(one, **by_id.get(one.id, {})) for one in snapshots)


@dataclass(frozen=True)
class Case:
    """One situation."""

    story: str
    snapshots: tuple[Candidate, ...]
    keep: Keep | None
    now: datetime
    zone: ZoneInfo = BERLIN
    last_seen: datetime | None = None
    options: dict = field(default_factory=dict)

    def plan(self) -> RetentionPlan:
        return plan(self.snapshots, self.keep, self.now, self.zone, self.last_seen, **self.options)


def render(case: Case) -> str:
    """The situation and the decision as a table that a person can check."""
    decided = case.plan()
    rules = [f"{name} {value}" for name, value in (case.keep or ()) if value]
    head = [
        f"story   {case.story}",
        f"keep    {', '.join(rules) or 'no rule'}",
        f"zone    {case.zone}",
        f"now     {case.now.astimezone(case.zone):%Y-%m-%d %H:%M %z}",
        f"doubt   {decided.doubt or 'none'}",
        f"result  {len(decided.kept)} stay, {len(decided.removed)} go",
        "",
    ]
    lines = []
    for one in decided.decisions:
        snapshot = one.candidate
        words = [snapshot.level.value] + ["pinned"] * snapshot.pinned + ["safety"] * snapshot.safety
        at = f"{snapshot.at.astimezone(case.zone):%Y-%m-%d %a %H:%M %z}"
        lines.append(f"{'stays' if one.kept else 'GOES '}  {snapshot.id}  {at}  {' '.join(words):<18}"
                     f"  {'; '.join(one.reasons)}")  # fmt: skip
    return "\n".join([*head, *lines]) + "\n"


def _failed_nights() -> tuple[Candidate, ...]:
    bad = {f"s{number:03}": {"level": Level.DAMAGED} for number in range(6, 21)}
    return altered(nightly("2026-11-01", 20), s005={"level": Level.VERIFIED}, **bad)


def _thinned() -> tuple[Candidate, ...]:
    """What months of nightly backups leave behind: far apart in time, and as far in sequence."""
    every = nightly("2026-01-01", 320)
    return tuple(one for one in every if one.sequence > 313 or one.at.astimezone(BERLIN).day == 28)


NIGHTS = nightly("2026-11-01", 20)
NOW = utc("2026-11-20 02:10")

CASES: dict[str, Case] = {
    "last-7": Case("twenty nights, the example of the README", NIGHTS, Keep(last=7), NOW),
    "no-rule": Case("no keep in the configuration", NIGHTS[:4], None, utc("2026-11-04 02:10")),
    "nothing-there": Case("an empty repository", (), Keep(last=7), NOW),
    "one-snapshot": Case("the only one stays", NIGHTS[:1], Keep(last=1), utc("2026-11-01 02:10")),
    "daily-weekly-monthly": Case(
        "a year of nights, thinned by three rules", nightly("2025-11-20", 366), Keep(daily=7, weekly=4, monthly=6), NOW
    ),
    "daily-several-a-day": Case(
        "every six hours: the newest of each day counts", series(utc("2026-11-15 04:00"), timedelta(hours=6), 22),
        Keep(daily=3), utc("2026-11-20 11:00"),
    ),
    "day-begins-in-the-zone": Case(
        "23:30 UTC is the next day in Berlin, so two nights that share a UTC day do not share a day",
        (made(utc("2026-11-18 00:30"), 1), made(utc("2026-11-18 23:30"), 2), made(utc("2026-11-19 22:30"), 3)),
        Keep(daily=3), utc("2026-11-19 23:00"),
    ),
    "spring-hourly": Case(
        "29 March 2026: there is no 02:00, and the hours count on",
        series(utc("2026-03-28 23:00"), timedelta(hours=1), 6), Keep(hourly=4), utc("2026-03-29 04:10"),
    ),
    "autumn-hourly": Case(
        "25 October 2026: 02:00 comes twice, as two different hours",
        series(utc("2026-10-24 22:30"), timedelta(minutes=30), 9), Keep(hourly=4), utc("2026-10-25 02:40"),
    ),
    "autumn-daily": Case(
        "25 October 2026 has 25 hours, still one day", series(utc("2026-10-23 21:55"), timedelta(hours=5), 12),
        Keep(daily=3), utc("2026-10-26 05:00"),
    ),
    "spring-daily": Case(
        "29 March 2026 has 23 hours, still one day", series(utc("2026-03-27 21:55"), timedelta(hours=5), 12),
        Keep(daily=3), utc("2026-03-30 05:00"),
    ),
    "year-end-weeks": Case(
        "2026 has 53 ISO weeks; 1 to 3 January 2027 belong to the last of them",
        nightly("2026-12-20", 18), Keep(weekly=3), utc("2027-01-06 02:10"),
    ),
    "year-end-years": Case(
        "the newest of each year", nightly("2025-12-29", 370, sequence=1)[::3], Keep(yearly=2, monthly=2),
        utc("2027-01-02 02:10"),
    ),
    "year-end-in-another-zone": Case(
        "31 December in UTC is 1 January in Auckland",
        nightly("2026-12-30", 4, hour=6, zone=ZoneInfo("Pacific/Auckland")), Keep(yearly=2),
        utc("2027-01-01 18:00"), ZoneInfo("Pacific/Auckland"),
    ),
    "within": Case("all of the last three days", series(utc("2026-11-10 02:00"), timedelta(hours=12), 21),
                   Keep(within=Duration(3 * 86400)), utc("2026-11-20 02:10")),
    "within-and-yearly": Case("a rule does not take from another", nightly("2026-11-10", 11),
                              Keep(within=Duration(2 * 86400), yearly=1), NOW),
    "f08-nothing-but-failures-since": Case(
        "no new snapshot for weeks, while the daemon lives: within counts from the newest, so nothing expires",
        nightly("2026-10-20", 10), Keep(within=Duration(3 * 86400)), NOW, last_seen=utc("2026-11-20 02:00")),
    "f08-fifteen-damaged-nights": Case(
        "damaged ones fill no place; the newest whole ones stay", _failed_nights(), Keep(last=3), NOW),
    "f08-newest-verified": Case(
        "only an old one was ever verified", altered(NIGHTS, s004={"level": Level.VERIFIED}), Keep(last=2), NOW),
    "f08-newest-drilled": Case(
        "drilled counts as verified, and the newest of both is what stays",
        altered(NIGHTS, s004={"level": Level.VERIFIED}, s009={"level": Level.DRILLED}), Keep(last=2), NOW),
    "f08-all-damaged": Case(
        "nothing whole is left, so nothing goes",
        altered(NIGHTS[:4], **{f"s00{i}": {"level": Level.DAMAGED} for i in range(1, 5)}), Keep(last=1),
        utc("2026-11-04 02:10")),
    "damaged-old": Case(
        "a damaged one goes once a whole one is newer, and the period it would have filled goes to the next",
        altered(NIGHTS, s018={"level": Level.DAMAGED}), Keep(last=3), NOW),
    "damaged-newest": Case(
        "the newest is damaged: it stays until a whole one is newer", altered(NIGHTS, s020={"level": Level.DAMAGED}),
        Keep(last=2), NOW),
    "pinned": Case(
        "what is pinned stays, damaged or not, and takes no place",
        altered(NIGHTS, s002={"pinned": True}, s003={"pinned": True, "level": Level.DAMAGED}), Keep(last=2), NOW),
    "safety": Case(
        "safety snapshots are outside the count: young ones and the newest stay",
        altered(NIGHTS, s005={"safety": True}, s015={"safety": True}, s018={"safety": True}), Keep(last=2), NOW),
    "safety-old": Case(
        "only old safety snapshots: the newest of them stays",
        altered(NIGHTS, s003={"safety": True}, s005={"safety": True}), Keep(last=2), NOW),
    "safety-longer": Case(
        "told to keep them for a day and a half", altered(NIGHTS, s018={"safety": True}, s019={"safety": True}),
        Keep(last=1), NOW, options={"safety": timedelta(hours=36)}),
    "several-rules-one-snapshot": Case(
        "all reasons are given", nightly("2026-11-18", 3),
        Keep(last=1, hourly=1, daily=1, weekly=1, monthly=1, yearly=1, within=Duration(86400)), NOW),
    "thinned": Case("old ones that earlier runs left are no jump of the clock", _thinned(), Keep(daily=7, monthly=12),
                    utc("2026-11-16 02:10")),
    "f07-future": Case(
        "one is dated next year: a wrong clock, or a forged time",
        altered(NIGHTS, s012={"at": utc("2027-11-12 02:00"), "ended": utc("2027-11-12 02:05")}), Keep(last=3), NOW),
    "f07-order": Case(
        "the machine came up in 1970 once; by time the newest would be gone",
        altered(NIGHTS, s020={"at": utc("1970-01-01 00:01"), "ended": utc("1970-01-01 00:06")}), Keep(last=3), NOW),
    "f07-clock-went-back": Case(
        "the clock is behind the last run", nightly("2026-10-01", 20), Keep(last=3), utc("2026-10-20 02:10"),
        last_seen=utc("2026-11-20 02:00")),
    "f07-clock-went-ahead": Case(
        "a snapshot of 2038, by a clock that is there too: within would remove all others",
        (*NIGHTS, made(utc("2038-01-19 03:14"), 21)), Keep(within=Duration(7 * 86400)), utc("2038-01-19 03:20")),
    "f07-clock-is-ahead-now": Case(
        "no snapshot yet, but the clock is years ahead of the newest",
        altered(NIGHTS, s019={"safety": True}), Keep(last=3), utc("2038-01-19 03:20")),
    "f07-off-for-a-month": Case(
        "the machine was off; the first snapshot after it is not enough to believe the clock",
        (*NIGHTS, *nightly("2026-12-24", 1, sequence=21)), Keep(last=3), utc("2026-12-24 02:10")),
    "f07-off-for-a-month-believed": Case(
        "three snapshots later it is history",
        (*NIGHTS, *nightly("2026-12-24", 3, sequence=21)), Keep(last=3), utc("2026-12-26 02:10")),
    "f07-a-person-looked": Case(
        "the same as f07-order, and a person trusts the clock",
        altered(NIGHTS, s020={"at": utc("1970-01-01 00:01"), "ended": utc("1970-01-01 00:06")}), Keep(last=3), NOW,
        options={"trust_clock": True}),
    "overlapping-runs": Case(
        "a long run was begun first and published second: no doubt",
        (*NIGHTS[:18], made(utc("2026-11-19 02:30"), 19),
         Candidate("s020", 20, utc("2026-11-19 02:00"), utc("2026-11-19 05:00"))), Keep(last=2), NOW),
}  # fmt: skip
