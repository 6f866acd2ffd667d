"""What must hold between the blocks of a configuration: names exist, secrets have readers, nothing holds itself."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from daytwo.config.log_names import check_logs
from daytwo.config.models import Backup, Hook
from daytwo.config.problems import nearest
from daytwo.config.reaching import check_reaching
from daytwo.config.validate import Parts
from daytwo.config.watching import SOURCES
from daytwo.core.errors import DaytwoError
from daytwo.core.registry import service_class
from daytwo.core.service import Component, Place, Service, ServiceSettings

if TYPE_CHECKING:
    from daytwo.core.fileset import Choice

_WILD = {"*", "?", "["}
_PASSWORD_IN_URL = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@|postgres(ql)?://\S*[?&](ssl)?password=[^&\s]", re.IGNORECASE
)


def cross_check(parts: Parts, place: Place) -> None:
    """Add the mistakes that only show when blocks are looked at together.

    Args:
        parts: the blocks; mistakes are added to it.
        place: where the file is.
    """
    components = {name: _components(parts, name, place) for name in parts.services}
    _recipients(parts)
    _component_names(parts, components)
    _secrets_have_readers(parts, components)
    _copies(parts)
    _passwords_in_addresses(parts)
    for name in parts.names("backups"):
        _backup_names(parts, name, components)
    for name, backup in parts.backups.items():
        _hooks(parts, name, backup)
        _stops(parts, name, backup)
        _not_into_itself(parts, name, backup, place)
    rules = _rules(parts)
    for name, block in rules.items():
        _rule_names(parts, name, block, rules)
    _no_circles(parts, rules)
    check_logs(parts)
    _promises(parts)
    check_reaching(parts)


def _components(parts: Parts, name: str, place: Place) -> tuple[Component, ...] | None:
    """What a service's backup holds; None where that cannot be told without its settings being right."""
    settings = parts.services[name]
    try:
        service: Service[ServiceSettings] = service_class(settings.kind)(name, settings, place)
        return service.components()
    except DaytwoError as error:
        parts.problem(sentence_of(error), "services", name, key=True)
        return None


def _recipients(parts: Parts) -> None:
    from daytwo.core.crypt import check_recipient

    for where, text in _words(parts, "recovery", "recipients"):
        if "SECRET-KEY" in text.upper() or "PRIVATE KEY" in text.upper():
            parts.problem(
                "this is a secret key, and this file is no place for it: put its public key (age1...) here, and make a "
                "new key if anyone else may have read the file", *where,
            )  # fmt: skip
            continue
        try:
            check_recipient(text)
        except DaytwoError as error:
            parts.problem(sentence_of(error), *where)


def _component_names(parts: Parts, components: Mapping[str, tuple[Component, ...] | None]) -> None:
    owner: dict[str, str] = {}
    for service, found in components.items():
        for component in found or ():
            if component.name in owner and owner[component.name] != service:
                parts.problem(
                    f"its {component.name} is called like that of services.{owner[component.name]} in a snapshot; "
                    "rename one of the two services", "services", service, key=True,
                )  # fmt: skip
            owner.setdefault(component.name, service)


def _secrets_have_readers(parts: Parts, components: Mapping[str, tuple[Component, ...] | None]) -> None:
    if _words(parts, "recovery", "recipients"):
        return
    for service, found in components.items():
        if any(component.secret for component in found or ()) or parts.services[service].secret:
            parts.problem(
                "its data is secret, and nobody could read it: add `recovery: {recipients: [age1...]}`; "
                "`daytwo keys new` makes a key", "services", service, key=True,
            )  # fmt: skip


def _copies(parts: Parts) -> None:
    names = parts.names("repositories")
    for name, settings in parts.repositories.items():
        copied = getattr(settings, "copy_of", None)
        where = ("repositories", name, "copy_of")
        if copied is None:
            continue
        if copied == name:
            parts.problem("a repository cannot be a copy of itself", *where)
        elif copied not in names:
            parts.problem(f"there is no repository {copied}; {nearest(copied, names)}", *where)
        elif copied in parts.repositories and getattr(parts.repositories[copied], "copy_of", None):
            parts.problem(f"{copied} is a copy itself; name the one that it copies", *where)


def _passwords_in_addresses(parts: Parts) -> None:
    told = {problem.path for problem in parts.problems}
    data = parts.document.data
    for section in ("services", "repositories", "channels", "state"):
        for path, text in _texts(data.get(section), (section,)):
            if path not in told and _PASSWORD_IN_URL.search(text):
                parts.problem(
                    "an address with a password in it does not belong in this file: leave the password out and "
                    "refer to it with {env: NAME}, {file: PATH} or {command: [..]}",
                    *path,
                )


def _backup_names(parts: Parts, name: str, components: Mapping[str, tuple[Component, ...] | None]) -> None:
    """The services and repositories of a backup, as they are written: other mistakes in its block do not hide these."""
    services, repositories = parts.names("services"), parts.names("repositories")
    seen: set[str] = set()
    for where, service in _words(parts, "backups", name, "services"):
        if service not in services:
            parts.problem(f"there is no service {service}; {nearest(service, services)}", *where)
        elif components.get(service) == ():
            parts.problem(f"the service {service} holds no data to back up", *where)
        elif service in seen:
            parts.problem(f"{service} is named twice", *where)
        seen.add(service)
    chosen = [repository for _, repository in _words(parts, "backups", name, "to")]
    for index, (where, repository) in enumerate(_words(parts, "backups", name, "to")):
        copied = getattr(parts.repositories.get(repository), "copy_of", None)
        if repository not in repositories:
            parts.problem(f"there is no repository {repository}; {nearest(repository, repositories)}", *where)
        elif repository in chosen[:index]:
            parts.problem(f"{repository} is named twice", *where)
        elif copied and copied not in chosen:
            parts.problem(f"{repository} is a copy of {copied}, which this backup does not write to", *where)
    if not seen and services and all(components.get(service) == () for service in services):
        parts.problem("has nothing to back up: none of the services holds data", "backups", name, key=True)
    if not repositories:
        parts.problem("has nowhere to go: there are no repositories", "backups", name, key=True)


def _hooks(parts: Parts, name: str, backup: Backup) -> None:
    moments: dict[str, tuple[Hook, ...]] = {
        "before": backup.before, "after": backup.after, "on_failure": backup.on_failure
    }  # fmt: skip
    for moment, hooks in moments.items():
        for index, hook in enumerate(hooks):
            if hook.service is not None and hook.service not in parts.names("services"):
                where = (*_item(parts, ("backups", name, moment), index), "service")
                parts.problem(
                    f"there is no service {hook.service}; {nearest(hook.service, parts.names('services'))}", *where
                )


def _stops(parts: Parts, name: str, backup: Backup) -> None:
    for index, stopped in enumerate(backup.stop):
        service = parts.services.get(stopped)
        if service is not None and service.container is None:
            where = _item(parts, ("backups", name, "stop"), index)
            parts.problem(f"the service {stopped} is in no container that could be stopped", *where)


def _not_into_itself(parts: Parts, name: str, backup: Backup, place: Place) -> None:
    """A backup that stores into a folder it reads would hold itself, twice as large every night."""
    for service in backup.services or tuple(parts.services):
        source = parts.services.get(service)
        folder = getattr(source, "path", None)
        if source is None or folder is None or source.container or source.ssh:
            continue
        from daytwo.core.fileset import Choice  # slow to import; a kind that has a `path` has done it already

        choice = Choice((str(_resolved(place, folder)),), getattr(source, "exclude", ()))
        for repository in backup.to or tuple(parts.repositories):
            path = getattr(parts.repositories.get(repository), "path", None)
            if path is None:
                continue
            if _would_read(choice, _resolved(place, path)):
                parts.problem(
                    f"stores inside {folder}, which backup {name} reads as service {service}: choose another folder, "
                    "or exclude it there", "repositories", repository, "path",
                )  # fmt: skip


def _rules(parts: Parts) -> dict[str, Mapping[str, Any]]:
    """The rules as they are written, without those that are off."""
    written = {name: parts.document.data["rules"][name] for name in parts.names("rules")}
    return {name: block for name, block in written.items() if isinstance(block, Mapping) and not block.get("off")}


def _rule_names(parts: Parts, name: str, block: Mapping[str, Any], rules: Mapping[str, Any]) -> None:
    """The first part of each name that a rule looks at. Which checks and series there are behind it, a service's kind
    says, or time: the daemon tells what it does not find."""
    services = parts.names("services")
    for key in ("check", "series", "of"):
        text = block.get(key)
        if not isinstance(text, str):
            continue
        if not _may_begin(text, [*services, *SOURCES]):
            known = nearest(text.partition(".")[0], services)
            parts.problem(f"nothing that is watched is called {text}; {known}", "rules", name, key)
        elif key == "check" and getattr(parts.services.get(text), "check", None) is False:
            parts.problem(f"the service {text} is not checked: it says `check: false`", "rules", name, key)
    for where, other in _words(parts, "rules", name, "depends_on"):
        if other not in rules and (_WILD & set(other) or not _may_begin(other, [*services, *SOURCES])):
            known = nearest(other, [*services, *rules])
            parts.problem(f"there is no check and no rule {other}; {known}", *where)


def _may_begin(text: str, roots: Iterable[str]) -> bool:
    """Whether a name, or one that fits a pattern, can be one of the roots or something of it."""
    fixed = re.split(r"[*?[]", text, maxsplit=1)[0]
    if fixed == text:
        return any(text == root or text.startswith(f"{root}.") for root in roots)
    return any(fnmatchcase(root, text) or _begin_alike(fixed, f"{root}.") for root in roots)


def _begin_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _no_circles(parts: Parts, rules: Mapping[str, Mapping[str, Any]]) -> None:
    """Rules that depend on each other would each be a consequence of the other, and nobody would be told."""
    ways = {name: [other for _, other in _words(parts, "rules", name, "depends_on")] for name in rules}

    def next_to(name: str) -> Iterator[str]:
        for other in ways[name]:
            yield from (one for one, block in rules.items() if one == other or block.get("check") == other)

    told: set[str] = set()
    for start in rules:
        circle = [] if start in told else _circle(start, [start], next_to, set())
        if circle:
            told |= set(circle)
            text = " -> ".join([*circle, start])
            parts.problem(f"depends on itself: {text}; nobody would be told", "rules", start, "depends_on", key=True)


def _circle(start: str, trail: list[str], next_to: Callable[[str], Iterable[str]], seen: set[str]) -> list[str]:
    """The way from the last of a trail back to a rule; empty where there is none."""
    for other in next_to(trail[-1]):
        if other == start:
            return trail
        if other not in seen:
            seen.add(other)
            if found := _circle(start, [*trail, other], next_to, seen):
                return found
    return []


def _promises(parts: Parts) -> None:
    """The checks that objectives name, as far as a name tells, and the services of maintenance windows."""
    services = parts.names("services")
    written = parts.document.data.get("objectives")
    by = written.get("by") if isinstance(written, Mapping) else None
    named = _words(parts, "objectives", "checks")
    named += [(("objectives", "by", name), name) for name in by or ()] if isinstance(by, Mapping) else []
    for where, name in named:
        if not _may_begin(name, [*services, *SOURCES]):
            known = nearest(name.partition(".")[0], services)
            parts.problem(f"nothing that is watched is called {name}; {known}", *where)
    for window in parts.names("maintenance"):
        for where, name in _words(parts, "maintenance", window, "services"):
            if name not in services:
                parts.problem(f"there is no service {name}; {nearest(name, services)}", *where)


def _would_read(choice: "Choice", folder: File) -> bool:
    """Whether a choice of files holds something that is put into a folder."""
    base = choice.single or choice.base
    if not folder.is_relative_to(base):
        return False
    inside = folder.relative_to(base).as_posix()
    return not choice.leaves_out(inside) and (choice.single is not None or choice.takes(inside))


def _resolved(place: Place, path: object) -> File:
    return place.path(str(path)).resolve()


def sentence_of(error: DaytwoError) -> str:
    """An error as one sentence, as a problem tells it."""
    return f"{error.what}; {error.hint[:1].lower()}{error.hint[1:]}" if error.hint else error.what


def _words(parts: Parts, *path: str) -> list[tuple[tuple[str | int, ...], str]]:
    """The words of a list that may have been written without the list around it, each with its place."""
    here: Any = parts.document.data
    for step in path:
        here = here.get(step) if isinstance(here, Mapping) else None
    if isinstance(here, str):
        return [(path, here)]
    return [((*path, at), one) for at, one in enumerate(here) if isinstance(one, str)] if isinstance(here, list) else []


def _item(parts: Parts, path: tuple[str | int, ...], index: int) -> tuple[str | int, ...]:
    """The place of an entry of a list that may have been written without the list around it."""
    return (*path, index) if (*path, index) in parts.document.values else path


def _texts(data: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _texts(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*path, index))
