"""How Compose puts several files together: overrides, includes and `extends`.

After the Compose specification ("Merge", "Extend", "Include"), for the part that matters to a backup.
"""

from collections.abc import Callable, Mapping
from typing import Any

from daytwo.config.document import Tagged

RESET, OVERRIDE = "!reset", "!override"
TAGS = frozenset({RESET, OVERRIDE})

_REPLACED = frozenset({"command", "entrypoint", "test"})
"""Lists that are replaced, not added to."""


_Kinds = Mapping[str, tuple[type, ...]]
_SERVICE: _Kinds = {
    "environment": (dict, list), "labels": (dict, list), "volumes": (list,), "ports": (list,), "env_file": (str, list),
    "profiles": (str, list), "extends": (str, dict), "command": (str, list), "image": (str, int, float),
}  # fmt: skip
_TOP: _Kinds = {"volumes": (dict,), "secrets": (dict,), "configs": (dict,), "include": (list,)}
_ENTRIES: _Kinds = {"volumes": (str, dict), "env_file": (str, dict), "include": (str, dict)}


def odd_shape(data: Mapping[str, Any]) -> str:
    """What is a list, a map or a text and must not be, in words; empty when all is as in the Compose specification."""
    services = data.get("services") or {}
    if not isinstance(services, dict) or not all(isinstance(one, dict) for one in services.values()):
        return "`services` is not a map of maps"
    blocks: list[tuple[str, Mapping[str, Any], _Kinds]] = [("", data, _TOP)]
    blocks += [(f"{name}: ", block, _SERVICE) for name, block in services.items()]
    for name, block, shapes in blocks:
        for key, kinds in shapes.items():
            value = untagged(block.get(key))
            if value is None:
                continue
            listed = value if isinstance(value, list) else []
            if not isinstance(value, kinds) or not all(isinstance(one, _ENTRIES.get(key, (object,))) for one in listed):
                return f"{name}`{key}` is not as it should be"
    return ""


def merged(under: Any, over: Any, path: tuple[str, ...] = ()) -> Any:
    """Two trees as one, as `docker compose -f under -f over` sees them."""
    if isinstance(over, Tagged):
        return None if over.tag == RESET else over.value
    if isinstance(under, dict) and isinstance(over, dict):
        out = dict(under)
        for key, value in over.items():
            out[key] = merged(under[key], value, (*path, key)) if key in under else untagged(value)
        return out
    if isinstance(under, list) and isinstance(over, list) and (not path or path[-1] not in _REPLACED):
        if path[-1:] == ("volumes",):
            return _by_target(under, over)
        return [*under, *[one for one in over if one not in under]]
    return over if over is not None else under


def untagged(data: Any) -> Any:
    """A tree without tags: what is reset is nothing, what overrides is itself."""
    if isinstance(data, Tagged):
        return None if data.tag == RESET else untagged(data.value)
    if isinstance(data, dict):
        return {key: untagged(value) for key, value in data.items()}
    if isinstance(data, list):
        return [untagged(value) for value in data]
    return data


def normalised(service: dict[str, Any]) -> dict[str, Any]:
    """A service whose settings that can be lists or maps are maps, so that they merge by name."""
    out = dict(service)
    for key in ("environment", "labels"):
        out = changed(out, key, _as_map)
    for key in ("env_file", "profiles"):
        out = changed(out, key, lambda value: [value] if isinstance(value, str) else value)
    return out


def changed(service: dict[str, Any], key: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    """A service with one setting changed, inside its tag if it has one."""
    if key not in service:
        return service
    value = service[key]
    new = Tagged(value.tag, change(value.value)) if isinstance(value, Tagged) else change(value)
    return {**service, key: new}


def _as_map(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    pairs = [str(one).partition("=") for one in value]
    return {name: text if mark else None for name, mark, text in pairs}


def _by_target(under: list[Any], over: list[Any]) -> list[Any]:
    targets = {target_of(one) for one in over}
    return [*[one for one in under if target_of(one) not in targets], *over]


def target_of(mount: Any) -> str:
    """The path inside the container of a volume in the short or the long form."""
    if isinstance(mount, dict):
        return str(mount.get("target", "")).rstrip("/") or "/"
    parts = str(mount).split(":")
    return (parts[0] if len(parts) == 1 else parts[1]).rstrip("/") or "/"
