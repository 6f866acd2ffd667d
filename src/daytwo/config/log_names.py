"""What must hold between logs, services and patterns: whatever is named is followed."""

from collections.abc import Mapping
from typing import Any

from daytwo.config.problems import nearest
from daytwo.config.validate import Parts


def check_logs(parts: Parts) -> None:
    """Add the mistakes in how logs and patterns name each other.

    Args:
        parts: the blocks; mistakes are added to it.
    """
    logs = _blocks(parts, "logs")
    contained = {name: place for name, one in parts.services.items() if (place := _container(one)) is not None}
    for name, block in logs.items():
        _log(parts, name, block, contained)
    followed = _followed(parts, logs, contained)
    for name, block in _blocks(parts, "patterns").items():
        named = block.get("logs")
        for index, log in enumerate([named] if isinstance(named, str) else named if isinstance(named, list) else ()):
            if isinstance(log, str) and log not in followed:
                where = ("patterns", name, "logs") if isinstance(named, str) else ("patterns", name, "logs", index)
                parts.problem(f"there is no log {log}; {_instead(log, followed, contained)}", *where)
    _detected(parts, followed, contained)


def _detected(parts: Parts, followed: list[str], contained: Mapping[str, object]) -> None:
    """The logs in which detectors look."""
    written = parts.document.data.get("security")
    detect = written.get("detect") if isinstance(written, Mapping) else None
    for log in detect if isinstance(detect, Mapping) else ():
        if log not in followed:
            said = f"there is no log {log}; {_instead(str(log), followed, contained)}"
            parts.problem(said, "security", "detect", log, key=True)


def _log(parts: Parts, name: str, block: Mapping[str, Any], contained: Mapping[str, object]) -> None:
    own = [key for key in ("container", "journal", "file") if block.get(key) is not None]
    if block.get("off"):
        if not own and name not in contained:
            parts.problem("nothing to turn off: no service in a container is called so", "logs", name, key=True)
        return
    if own and name in contained:
        parts.problem(
            f"the service {name} has a log of this name already, that of its container; choose another name",
            "logs", name, key=True,
        )  # fmt: skip
    elif not own and name in parts.services and name not in contained:
        parts.problem(
            f"the service {name} is in no container: give `container`, `journal` or `file`", "logs", name, key=True
        )
    elif not own and name not in parts.names("services"):
        known = nearest(name, sorted(contained))
        parts.problem(
            f"no service is called {name}, so give `container`, `journal` or `file`; {known}", "logs", name, key=True
        )
    if block.get("file") is not None and block.get("ssh") is not None:
        parts.problem(
            "a file on another host cannot be followed: follow the journal or the container there, or have daytwo run "
            "on that host", "logs", name, "ssh",
        )  # fmt: skip


def _followed(parts: Parts, logs: Mapping[str, Mapping[str, Any]], contained: Mapping[str, object]) -> list[str]:
    """The names of the logs that are followed; those of services that could not be looked at count, too."""
    taken: set[object] = {(block.get("ssh"), block["container"]) for block in logs.values() if block.get("container")}
    taken |= {contained[name] for name in logs if name in contained}
    found = [name for name, block in logs.items() if not block.get("off")]
    for name in parts.names("services"):
        place = contained.get(name)
        if name in logs or (name in parts.services and place is None) or place in taken:
            continue
        found.append(name)
        taken.add(place)
    return found


def _instead(log: str, followed: list[str], contained: Mapping[str, object]) -> str:
    if log in contained:
        same = [one for one in followed if contained.get(one) == contained[log]]
        return f"its container is followed as {same[0]}" if same else "it is not followed"
    return nearest(log, followed)


def _container(settings: object) -> object:
    """Which container a service is in, to be compared; None where it is in none."""
    name, compose = getattr(settings, "container", None), getattr(settings, "compose", None)
    return (getattr(settings, "ssh", None), name or compose) if name or compose else None


def _blocks(parts: Parts, section: str) -> dict[str, Mapping[str, Any]]:
    written = {name: parts.document.data[section][name] for name in parts.names(section)}
    return {name: block for name, block in written.items() if isinstance(block, Mapping)}


__all__ = ["check_logs"]
