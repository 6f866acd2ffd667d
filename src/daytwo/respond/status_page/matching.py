"""Which services and checks a component is made of, by name or pattern."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from daytwo.config.responding import Component
from daytwo.watch.observations import State


def touches(services: Sequence[str], service: str) -> bool:
    """Whether services, by name or pattern, contain one; none of them means all."""
    return not services or service in services or any(fnmatchcase(service, one) for one in services if _wild(one))


def chosen(shown: Mapping[str, Component], states: Mapping[str, State]) -> dict[str, tuple[str, ...]]:
    """The checks that tell how components are, by component.

    Args:
        shown: the components, by name.
        states: what each check observed, by its name.
    """
    of: dict[str, list[str]] = {}
    for name, state in states.items():
        of.setdefault(state.service, []).append(name)
    return {
        name: tuple(
            check for service in _named(one.services, of) for check in of[service] if _counts(one, check, service)
        )
        for name, one in shown.items()
    }


def _named(patterns: Iterable[str], names: Collection[str]) -> list[str]:
    """The names that are meant, once each. A plain one is looked up: with many of them, comparing takes long."""
    found = dict.fromkeys(one for one in patterns if one in names)
    for pattern in patterns:
        if _wild(pattern):
            found.update(dict.fromkeys(one for one in names if fnmatchcase(one, pattern)))
    return list(found)


def _counts(component: Component, check: str, service: str) -> bool:
    return any(fnmatchcase(check, one) for one in component.checks) if component.checks else check == service


def _wild(pattern: str) -> bool:
    return any(one in pattern for one in "*?[")
