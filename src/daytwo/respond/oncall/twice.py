"""Who would hear of the same thing twice at once: by a route of the alert, and by the incident that the alert opens."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from daytwo.config import Config
from daytwo.config.responding import Opens, Route
from daytwo.respond.oncall.reach import Delivery, reach


def twice(config: Config, routes: Mapping[str, Route], now: datetime) -> tuple[str, ...]:
    """Warnings, in sentences; about routes that take all that a line of `open` takes.

    Args:
        config: the configuration.
        routes: those that count, by name.
        now: the time now, aware: a rota is whoever is on call.
    """
    return tuple(dict.fromkeys(_found(config, routes, now)))


def _found(config: Config, routes: Mapping[str, Route], now: datetime) -> Iterator[str]:
    for opens in config.incidents.open:
        at_once = [step for step in config.incidents.severities[opens.severity].escalate if not float(step.after)]
        paged = _told(reach(config, [name for step in at_once for name in step.to], now))
        for name, route in routes.items():
            if route.when != "at once" or not _takes(route, opens):
                continue
            both = paged & _told(reach(config, route.to, now))
            for channel, person in sorted(both):
                whom = f"{person} by {channel}" if person else channel
                yield (
                    f"{whom} is told twice at once: by the route {name}, and by the first level of {opens.severity}; "
                    "leave one out, or have that level come later"
                )


def _takes(route: Route, opens: Opens) -> bool:
    """Whether a route takes everything of which incidents are opened, as far as its patterns show."""
    if opens.security or (route.level and "critical" not in route.level):
        return False
    rules = not route.rules or (bool(opens.rules) and set(opens.rules) <= set(route.rules))
    return rules and (not route.services or (bool(opens.services) and set(opens.services) <= set(route.services)))


def _told(deliveries: tuple[Delivery, ...]) -> set[tuple[str, str]]:
    return {(one.channel, person.name) for one in deliveries for person in one.to} | {
        (one.channel, "") for one in deliveries if not one.to
    }
