"""What must hold of who is told: channels, people and rotas that are named exist, and nobody is told in circles."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from daytwo.config.problems import Path, nearest
from daytwo.config.responding import MOST_COMPONENTS, Incidents
from daytwo.config.validate import Parts


def check_reaching(parts: Parts) -> None:
    """Add the mistakes in `routes`, `people`, `oncall`, `incidents`, `status_page` and between channels."""
    channels, people, rotas = (parts.names(section) for section in ("channels", "people", "oncall"))
    for name in parts.names("routes"):
        _named(parts, ("routes", name, "to"), "channel or rota", [*channels, *rotas])
    for name in people:
        _named(parts, ("people", name, "channels"), "channel", channels)
    for name in rotas:
        _named(parts, ("oncall", name, "people"), "person", people)
        for where in (*_blocks(parts, ("oncall", name, "layers")), *_blocks(parts, ("oncall", name, "overrides"))):
            _named(parts, (*where, "people"), "person", people)
            _named(parts, (*where, "person"), "person", people)
    for severity in _keys(parts, ("incidents", "severities")):
        for where in _blocks(parts, ("incidents", "severities", severity, "escalate")):
            _named(parts, (*where, "to"), "rota, person or channel", [*rotas, *people, *channels])
    for name in parts.names("actions"):
        _named(parts, ("actions", name, "to"), "rota, person or channel", [*rotas, *people, *channels])
    _acting(parts)
    _one_meaning(parts, rotas, people, channels)
    _fallbacks(parts, channels)
    _subscribers(parts, channels)
    _page(parts)


def _acting(parts: Parts) -> None:
    grades = _keys(parts, ("incidents", "severities")) or list(Incidents().severities)
    blocker = _at(parts, ("blocking", "by"))
    for name in parts.names("actions"):
        for where, grade in _words(parts, ("actions", name, "severity")):
            if grade not in grades:
                parts.problem(f"there is no severity {grade}; {nearest(grade, grades)}", *where)
        for where, what in _words(parts, ("actions", name, "do")):
            if what == "block_ip" and blocker is None and not _brought(parts, where):
                parts.problem("nothing shuts addresses out: add `blocking: {by: {kind: nftables}}`", *where)


def _brought(parts: Parts, where: Path) -> bool:
    """Whether a packaged recipe says it: what it would do comes to life with what the file adds."""
    spot = parts.document.spot(where)
    return spot is not None and spot.file.startswith("recipe ")


def _one_meaning(parts: Parts, rotas: list[str], people: list[str], channels: list[str]) -> None:
    """`to: [ops]` must mean one thing."""
    for name in rotas:
        if name in channels:
            parts.problem(f"{name} is a channel, too; rename one of the two", "oncall", name, key=True)
        if name in people:
            parts.problem(f"{name} is a person, too; rename one of the two", "oncall", name, key=True)
    for name in people:
        if name in channels:
            parts.problem(f"{name} is a channel, too; rename one of the two", "people", name, key=True)


def _fallbacks(parts: Parts, channels: list[str]) -> None:
    next_to = {}
    for name in channels:
        for where, other in _words(parts, ("channels", name, "fallback")):
            if other == name:
                parts.problem("a channel cannot stand in for itself", *where)
            elif other not in channels:
                parts.problem(f"there is no channel {other}; {nearest(other, channels)}", *where)
            else:
                next_to[name] = other
    told: set[str] = set()
    for start in next_to:
        trail, here = [start], next_to.get(start)
        while here is not None and here not in trail:
            trail.append(here)
            here = next_to.get(here)
        if here == start and not told & set(trail):
            told |= set(trail)
            circle = " -> ".join([*trail, start])
            parts.problem(f"they stand in for each other: {circle}; leave one out", "channels", start, "fallback")


def _subscribers(parts: Parts, channels: list[str]) -> None:
    for where, name in _words(parts, ("status_page", "subscribe")):
        if name not in channels:
            parts.problem(f"there is no channel {name}; {nearest(name, channels)}", *where)
        elif name in parts.channels and parts.channels[name].kind != "email":
            parts.problem(f"{name} is no e-mail channel, and subscribers have only their addresses", *where)


def _page(parts: Parts) -> None:
    page, services = _at(parts, ("status_page",)), parts.names("services")
    if isinstance(page, Mapping) and not page.get("components") and len(services) > MOST_COMPONENTS:
        parts.problem(
            f"{len(services)} services are more than a page can show ({MOST_COMPONENTS}); say with `components` what "
            'users know, such as `components: {web: {services: ["web*"]}}`',
            "status_page",
        )
    for name in _keys(parts, ("incidents", "severities")):
        grade = _at(parts, ("incidents", "severities", name))
        if isinstance(grade, Mapping) and grade.get("announce") is True and grade.get("public") is not True:
            parts.problem("only what is public can be announced: add `public: true`", "incidents", "severities", name)


def _named(parts: Parts, path: Path, noun: str, known: Iterable[str]) -> None:
    there = list(known)
    for where, name in _words(parts, path):
        if name not in there:
            parts.problem(f"there is no {noun} {name}; {nearest(name, there)}", *where)


def _at(parts: Parts, path: Path) -> Any:
    here: Any = parts.document.data
    for step in path:
        if isinstance(step, str):
            here = here.get(step) if isinstance(here, Mapping) else None
        else:
            here = here[step] if isinstance(here, list) and step < len(here) else None
    return here


def _keys(parts: Parts, path: Path) -> list[str]:
    here = _at(parts, path)
    return [one for one in here if isinstance(one, str)] if isinstance(here, Mapping) else []


def _blocks(parts: Parts, path: Path) -> list[Path]:
    here = _at(parts, path)
    return [(*path, at) for at in range(len(here))] if isinstance(here, list) else []


def _words(parts: Parts, path: Path) -> Iterator[tuple[Path, str]]:
    here = _at(parts, path)
    if isinstance(here, str):
        yield path, here
    elif isinstance(here, list):
        yield from (((*path, at), one) for at, one in enumerate(here) if isinstance(one, str))
