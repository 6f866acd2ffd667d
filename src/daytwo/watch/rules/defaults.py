"""The rules that are there without being written: each can be changed, or left out, by one of the same name.

They are neutral: what a certain app finds slow or large belongs in its recipe. Each tells of what stops something soon,
or of what somebody would want to have known; none of what is only unusual.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from daytwo.config.watching import Rule
from daytwo.core.check import Check, Unit


@dataclass(frozen=True)
class Usual:
    """A rule for every check that takes a certain number.

    Args:
        measure: the measure's name.
        unit: its unit; one of the same name and another unit is something else.
        rule: as the configuration would have it; its `series` is put in.
        why: why it is an alert there, for the page that lists them.
        beside: another measure that the check must have, where the first alone could be something else.
    """

    measure: str
    unit: Unit
    rule: Mapping[str, object]
    why: str
    beside: str = ""

    def fits(self, measures: Mapping[str, Unit]) -> bool:
        """Whether it is for a check with these measures, by name."""
        return measures.get(self.measure) is self.unit and (not self.beside or self.beside in measures)


_FULL = {"warning": "> 90%", "critical": "> 95%", "clear": "< 89%", "hold": "5m", "every": "1m"}
_USED = {"warning": "> 80%", "critical": "> 95%", "clear": "< 75%", "pending": "2m", "every": "1m"}
_HAPPENED = {"take": "increase", "over": "15m", "every": "1m"}
USUAL = (
    Usual(
        "disk", Unit.RATIO, _FULL | {"about": "The disk is almost full: remove what nobody needs, or grow it"},
        "a full disk stops databases, and ext4 keeps 5 % for root",
    ),
    Usual(
        "inodes", Unit.RATIO, _FULL | {"about": "There are too many small files: find the folder that holds them"},
        "without inodes no file can be made, however much space there is",
    ),
    Usual(
        "certificate_left",
        Unit.SECONDS,
        {
            "warning": "< 14d", "critical": "< 3d", "every": "5m",
            "about": "The certificate ends soon, and what should have renewed it has not",
        },
        "ACME clients renew with 30 days left of 90; two weeks later they have tried in vain",
    ),
    Usual(
        "memory_limit",
        Unit.RATIO,
        {
            "warning": "> 90%", "critical": "> 97%", "clear": "< 85%", "pending": "5m", "every": "1m",
            "about": "The container is about to be killed for want of memory: give it more, or find what it holds",
        },
        "at its limit the kernel kills a process in it; page cache is not counted",
    ),
    Usual(
        "memory",
        Unit.RATIO,
        {
            "warning": "> 92%", "critical": "> 97%", "clear": "< 88%", "pending": "5m", "every": "1m",
            "about": "The machine runs out of memory; `daytwo top` shows who has it",
        },
        "what is left is what programs may still take (MemAvailable); then the kernel kills one",
    ),
    Usual(
        "oom_kills",
        Unit.COUNT,
        _HAPPENED | {"warning": "> 0", "about": "The kernel killed a process for want of memory: raise the limit, or "
                     "look for a leak. `daytwo logs --patterns out-of-memory` may say which"},
        "whatever was killed lost its work, even if it came back at once",
    ),
    Usual(
        "restarts",
        Unit.COUNT,
        _HAPPENED | {"over": "1h", "warning": "> 3", "about": "The container is started again and again: its log says "
                     "why it ends"},
        "one that ends and comes back quickly is up whenever somebody looks",
        beside="oom_kills",
    ),
    Usual(
        "uptime",
        Unit.SECONDS,
        {
            "warning": "< 10m", "every": "1m",
            "about": "The machine was started anew. Was it planned? `last -x reboot` and `journalctl -b -1 -e` tell",
        },
        "nobody notices a short reboot, nor what did not come back with it",
        beside="reboots",
    ),
    Usual(
        "failed_units",
        Unit.COUNT,
        {
            "warning": "> 0", "pending": "5m", "every": "1m",
            "about": "A systemd unit has failed; `systemctl --failed` names it",
        },
        "systemd has given up on it, and nobody else looks",
    ),
    Usual(
        "read_only",
        Unit.COUNT,
        {
            "critical": "> 0", "every": "1m",
            "about": "A file system can only be read any more: the kernel saw errors. `dmesg` tells of them; save what "
                     "is on it, then check the disk",
        },
        "the kernel does so when a disk makes errors, and programs that only read go on as if nothing were wrong",
    ),
    Usual(
        "offset",
        Unit.SECONDS,
        {
            "warning": "> 1s", "critical": "> 30s", "every": "5m",
            "about": "The clock is wrong: see to chrony or systemd-timesyncd",
        },
        "30 s is where one-time passwords fail; logs and schedules are wrong before that",
    ),
    Usual(
        "connections",
        Unit.RATIO,
        _USED | {"about": "The database takes almost no more connections: compare the sum of all pools with its "
                 "`max_connections`, and look for one that gives none back"},
        "at the limit, every new connection is refused at once",
    ),
    Usual(
        "wraparound",
        Unit.RATIO,
        {
            "warning": "> 40%", "critical": "> 75%", "every": "15m",
            "about": "Old transaction ids are not cleaned up: look for long transactions, abandoned replication slots "
            "and prepared transactions, then `vacuum freeze`",
        },
        "autovacuum begins at 9 % (`autovacuum_freeze_max_age`), so it is held up; from 75 % on vacuum drops all else "
        "(`vacuum_failsafe_age`), and near 100 % PostgreSQL refuses writes",
    ),
    Usual(
        "replication_lag",
        Unit.SECONDS,
        {
            "warning": "> 1m", "critical": "> 10m", "pending": "2m", "every": "1m",
            "about": "A replica is behind: look at its load, the network, and queries that hold it up",
        },
        "what is not on the replica is lost with the primary; there is a number only where there is a replica",
    ),
    Usual(
        "clients_used",
        Unit.RATIO,
        _USED | {"about": "It takes almost no more clients: look for one that gives no connection back, or raise "
                 "`maxclients`"},
        "at the limit, every new connection is refused at once",
    ),
    Usual(
        "rejected",
        Unit.COUNT,
        _HAPPENED | {"critical": "> 0", "about": "Clients were refused for want of room: raise `maxclients`, or find "
                     "who holds the connections"},
        "some part of the app was just refused",
        beside="clients_used",
    ),
    Usual(
        "full",
        Unit.RATIO,
        {
            "warning": "> 85%", "critical": "> 95%", "clear": "< 80%", "pending": "2m", "every": "1m",
            "about": "Its memory is almost full, and it may evict nothing: raise `maxmemory`, or see what grows",
        },
        "then it refuses writes; one that may evict is meant to be full, and has no such number",
        beside="memory_max",
    ),
)  # fmt: skip
"""By measure; a rule of them is called as its series."""


def rules_of(configured: Mapping[str, Rule], checks: Iterable[Check]) -> dict[str, Rule]:
    """All rules that judge: the built-in ones, and over them those of the configuration.

    One of the configuration takes the place of a built-in one of its name, and of those that take the same of a series
    that fits its pattern; one that is off, of all that judge such a series.

    Args:
        configured: the rules of the configuration.
        checks: what is watched.
    """
    own = [rule for rule in configured.values() if rule.series is not None]
    found: dict[str, Rule] = {}
    for check in checks:
        found[check.name] = Rule(check=check.name, failures=check.timing.failures)
        measures = {measure.name: measure.unit for measure in check.measures}
        for usual in USUAL:
            name = f"{check.name}.{usual.measure}"
            if usual.fits(measures):
                made = Rule.model_validate({**usual.rule, "series": name})
                if not any(_replaces(rule, made, name) for rule in own):
                    found[name] = made
    found |= configured
    return {name: rule for name, rule in found.items() if not rule.off}


def meaning(rule: str, configured: Mapping[str, Rule]) -> str:
    """What a rule means and what to do, as the configuration says, or the built-in one; empty where neither does.

    Args:
        rule: its name.
        configured: the rules of the configuration.
    """
    if rule in configured:
        return configured[rule].about
    _, dot, measure = rule.rpartition(".")
    return next((str(one.rule["about"]) for one in USUAL if dot and one.measure == measure), "")


def _replaces(rule: Rule, built_in: Rule, series: str) -> bool:
    return fnmatchcase(series, rule.series or "") and (rule.off or rule.take == built_in.take)
