"""What is done with a change of an alert, one stage after the other. Each is a pure function.

Read `STAGES` for the order. A stage gets a case and the facts, and gives the case back: with what it said of it, and
perhaps stopped. Nothing else decides whether somebody is told.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from daytwo.config import Config
from daytwo.config.responding import Route
from daytwo.core.schedule import Cron
from daytwo.core.schedule import next as next_time
from daytwo.respond.alerts import GRADES, Alert, What
from daytwo.respond.oncall import team_channels
from daytwo.respond.pipeline.case import Case, Facts, Order, Reason, Told, counts, way_of
from daytwo.respond.silences import fitting

TOGETHER = timedelta(seconds=30)
"""How long alerts of a service that follow one that was told are collected for one more message."""
_TICK = timedelta(microseconds=1)
_DAILY, _WEEKLY = Cron("0 8 * * *"), Cron("0 8 * * mon")
_NEWS = (What.FIRED, What.LATER, What.WORSE, What.BETTER)
Stage = Callable[[Case, Facts], Case]


def fingerprint(case: Case, facts: Facts) -> Case:
    """What is it: something new, or something known; and is there anything to tell?"""
    alert, what = case.alert, case.what
    if what is What.OVER:
        if alert.told is None:
            return case.stops("fingerprint", Reason.NEVER_TOLD)
        return case.passes("fingerprint", Reason.KNOWN)
    if not alert.open:
        return case.stops("fingerprint", Reason.OVER_ALREADY)
    if what is What.BETTER and alert.told is not None:
        return case.stops("fingerprint", Reason.EASED)
    if what is What.LATER and alert.told and GRADES[alert.told_level] >= GRADES[alert.level]:
        return case.stops("fingerprint", Reason.TOLD_ALREADY)
    return case.passes("fingerprint", Reason.NEW if alert.told is None else Reason.KNOWN)


def depend(case: Case, facts: Facts) -> Case:
    """Is it only a consequence of something else?"""
    if case.over or not case.alert.because_of:
        return case.passes("depend", Reason.ALONE)
    return case.stops("depend", Reason.CONSEQUENCE, case.alert.because_of)


def group(case: Case, facts: Facts) -> Case:
    """With which others does it share messages?"""
    alert = case.alert
    if alert.leader is not None:
        case = replace(case, leader=alert.leader)
        if not case.over:
            return case.passes("group", Reason.SHARES, f"alert {alert.leader}")
        others = len(facts.open_in_group.get(alert.leader, frozenset()) - {alert.id})
        if others:
            return case.passes("group", Reason.OTHERS_OPEN, f"{others} of alert {alert.leader}")
        return case.passes("group", Reason.LAST, f"alert {alert.leader}")
    found = facts.groups.get(alert.service)
    apart = found is None or case.now - found.at >= TOGETHER or found.grade < GRADES[alert.level]
    if found is None or apart or not facts.open_in_group.get(found.leader):
        return replace(case, leader=alert.id).passes("group", Reason.FIRST)
    joined = replace(case, leader=found.leader, group=found)
    return joined.passes("group", Reason.JOINS, f"alert {found.leader}")


def silence(case: Case, facts: Facts) -> Case:
    """Does somebody want to hear nothing of it?"""
    found = fitting(facts.silences, case.alert, case.now)
    if found is None:
        return case.passes("silence", Reason.NOT_SILENCED)
    if case.over:
        return case.passes("silence", Reason.TOLD_BEFORE, str(found))
    return case.stops("silence", Reason.SILENCED, str(found))


def window(case: Case, facts: Facts) -> Case:
    """Is there maintenance?"""
    for one in facts.windows:
        if one.fits(case.alert):
            return case.stops("window", Reason.MAINTENANCE, f"{one.name}, until {one.until:%Y-%m-%d %H:%M} UTC")
    return case.passes("window", Reason.NO_WINDOW)


def route(case: Case, facts: Facts) -> Case:
    """Who is to hear of it, and when?"""
    if case.over:
        return _as_told(case, facts)
    if not facts.config.channels:
        return case.stops("route", Reason.NO_CHANNEL)
    fitting_now, waiting = [], []
    for name, one in facts.routes.items():
        if not _fits(one, case.alert):
            continue
        if not _in_hours(one, facts.config, case.now):
            waiting.append(name)
            continue
        fitting_now.append(name)
        if one.stop:
            break
    if not fitting_now:
        if waiting:
            return case.stops("route", Reason.OFF_HOURS, ", ".join(waiting))
        return case.stops("route", Reason.NO_ROUTE)
    if case.what is What.REPEAT:
        fitting_now = [name for name in fitting_now if _repeats(name, case, facts)]
        if not fitting_now:
            return case.stops("route", Reason.NOT_WANTED)
    orders = tuple(order for name in fitting_now for order in _orders(name, case, facts))
    if not orders:
        return case.stops("route", Reason.NO_CHANNEL, ", ".join(fitting_now))
    said = ", ".join(fitting_now) + (f"; not at this hour: {', '.join(waiting)}" if waiting else "")
    return replace(case, orders=_once(orders, facts)).passes("route", Reason.ROUTED, said)


def throttle(case: Case, facts: Facts) -> Case:
    """Have its channels sent too much?"""
    buckets, orders, full = dict(case.buckets), [], []
    for order in case.orders:
        if order.batch:
            orders.append(order)
            continue
        bucket = buckets.get(order.channel) or facts.buckets.get(order.channel)
        allowed, left = bucket.take(case.now) if bucket else (True, None)
        if left is not None:
            buckets[order.channel] = left
        if allowed or order.exempt:
            orders.append(order)
        else:
            full.append(order.channel)
            orders.append(replace(order, batch="overflow", due=case.now + TOGETHER))
    case = replace(case, orders=tuple(orders), buckets=buckets)
    if full:
        return case.passes("throttle", Reason.OVERFLOW, ", ".join(dict.fromkeys(full)))
    return case.passes("throttle", Reason.WITHIN_RATE)


def send(case: Case, facts: Facts) -> Case:
    """What goes into the outbox now, and what is collected."""
    now = [one.channel for one in case.orders if not one.batch]
    later = [f"{one.channel} ({one.batch})" for one in case.orders if one.batch]
    words = "; ".join(
        part
        for part in (
            f"at once: {', '.join(dict.fromkeys(now))}" if now else "",
            f"collected: {', '.join(dict.fromkeys(later))}" if later else "",
        )
        if part
    )
    return case.passes("send", Reason.AT_ONCE if now else Reason.COLLECTED, words)


STAGES: tuple[Stage, ...] = (fingerprint, depend, group, silence, window, route, throttle, send)
"""The pipeline."""


def run(case: Case, facts: Facts) -> Case:
    """Take a case through the stages, until one stops it."""
    for stage in STAGES:
        case = stage(case, facts)
        if case.stopped is not None:
            break
    return case


def routes_of(config: Config) -> Mapping[str, Route]:
    """The routes that count: those of the configuration; or, where there are none and there are channels, critical
    alerts at once to every channel of the team, warnings as one summary a day, what is only to be known as one a week,
    at 08:00."""
    if config.routes or not config.channels:
        return config.routes
    to = team_channels(config)
    return {
        "critical": Route(level=("critical",), to=to),
        "daily": Route(level=("warning",), to=to, when=_DAILY),
        "weekly": Route(level=("info",), to=to, when=_WEEKLY),
    }


def _fits(one: Route, alert: Alert) -> bool:
    return (
        (not one.level or alert.level in one.level)
        and (not one.services or any(fnmatchcase(alert.service, glob) for glob in one.services))
        and (not one.rules or any(fnmatchcase(alert.rule, glob) for glob in one.rules))
    )


def _in_hours(one: Route, config: Config, now: datetime) -> bool:
    return not one.hours or any(hours.hours(config.timezone).within(now, now + _TICK) for hours in one.hours)


def _repeats(name: str, case: Case, facts: Facts) -> bool:
    """Whether a route wants it told again now. Those that share its messages may be a little early."""
    repeat = facts.routes[name].repeat
    if repeat is None or facts.routes[name].when != "at once":
        return False
    last = max((one.at for one in facts.told.get(case.alert.id, ()) if one.order.route == name), default=None)
    return last is None or case.now - last >= repeat.delta - TOGETHER


def _orders(name: str, case: Case, facts: Facts) -> Iterator[Order]:
    one = facts.routes[name]
    for way in facts.reach(one.to, case.now):
        if isinstance(one.when, Cron):
            due = next_time(one.when, facts.config.timezone, case.now)
            yield Order(name, way.channel, way.to, f"summary {name}", due)
        elif case.what is What.REPEAT:
            yield Order(name, way.channel, way.to, f"repeat {case.leader}", case.now)
        elif case.group is not None and case.what in _NEWS and way.channel in case.group.channels:
            yield Order(name, way.channel, way.to, f"group {case.leader}", case.group.at + TOGETHER)
        else:
            yield Order(name, way.channel, way.to, "", case.now)


def _once(orders: tuple[Order, ...], facts: Facts) -> tuple[Order, ...]:
    """Of several routes that say the same to the same people at the same times, the first."""
    found: dict[tuple[str, tuple[str, ...], str], Order] = {}
    for one in orders:
        people = tuple(person.name for person in one.people)
        found.setdefault((one.channel, people, facts.routes[one.route].when), one)
    return tuple(found.values())


def _as_told(case: Case, facts: Facts) -> Case:
    """The end is told to whoever was told of it, in the way they were."""
    told = facts.told.get(case.alert.id, ())
    wanted = [one for one in told if _wants_end(one, facts)]
    if not wanted:
        return case.stops("route", Reason.NOT_WANTED)
    orders = [order for one in wanted for order in _ends(one, case, facts)]
    # Told both ways, it is enough to hear of it at once; but nothing stays open where keys are counted.
    at_once = {(one.channel, one.people) for one in orders if not one.batch}
    orders = [
        one
        for one in orders
        if not one.batch
        or (one.channel, one.people) not in at_once
        or (one.batch == "overflow" and counts(facts.config, one.channel))
    ]
    found = tuple({(one.channel, one.people, one.batch): one for one in orders}.values())
    if not found:
        return case.stops("route", Reason.AS_TOLD, "in the message that is to tell it")
    return replace(case, orders=found).passes("route", Reason.AS_TOLD)


def _is_last(one: Told, case: Case, facts: Facts) -> bool:
    """Whether nothing else is open of what was told there: who heard of a part of a group hears when that is over."""
    ways = {way_of(facts.config, name, one.order.people) for name in (one.order.channel, one.via) if name}
    others = (facts.heard(case.leader or 0, way) for way in ways)
    return not any(len(standing) > (case.alert.id in standing) for standing in others)


def _wants_end(one: Told, facts: Facts) -> bool:
    found = facts.routes.get(one.order.route)
    return found is None or found.resolved


def _ends(one: Told, case: Case, facts: Facts) -> Iterator[Order]:
    order = one.order
    last = _is_last(one, case, facts)
    collected = order.batch.startswith("summary ") or order.batch == "overflow"
    if one.pending and (collected or not last):
        return  # the message that is to tell it says that it is over
    if order.batch.startswith("summary "):
        found = facts.routes.get(order.route)
        if found is not None and isinstance(found.when, Cron):
            yield replace(order, due=next_time(found.when, facts.config.timezone, case.now))
    elif collected:
        yield replace(order, due=case.now + TOGETHER)
    else:
        for channel in dict.fromkeys((order.channel, one.via or order.channel)):
            if channel not in facts.config.channels:
                continue
            if last:
                yield replace(order, channel=channel, batch="", due=case.now, exempt=True)
            else:
                yield replace(order, channel=channel, batch=f"over {case.leader}", due=case.now + TOGETHER)
