"""Recipes: presets that are merged under a configuration file.

Maps are merged key by key, and a later layer wins; `null` removes a key that a recipe brings. What belongs together is
replaced as a whole: lists, references to secrets, and a service or repository whose `kind` changes. A setting takes the
place of those that say the same in another way (`volume` for `path`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

from daytwo.config.document import Document, parse, read_text
from daytwo.config.problems import Path, Problem, Spot, nearest
from daytwo.core.errors import ConfigError

FOLDER = File(__file__).parent.parent / "recipes"
_INSTEAD: Mapping[str, tuple[str, ...]] = {
    "volume": ("path", "container"),
    "path": ("volume", "url"),
    "url": ("path", "host", "port", "user", "database"),
    "host": ("url", "socket"),
    "socket": ("host", "port"),
}
"""What says the same in another way, in a service or repository: a file's `volume` goes before a recipe's `path`."""
_REFERENCE = frozenset({"env", "file", "command", "credential"})


def packaged() -> tuple[str, ...]:
    """The names of the recipes that come with daytwo, sorted."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.yaml")))


def extend(document: Document, folder: File) -> tuple[Document, tuple[str, ...]]:
    """Merge the recipes that a document names under it.

    Args:
        document: what the configuration file says.
        folder: where it is; paths of recipes begin there, those that recipes name included.

    Returns:
        The merged document, whose places still name the text that a value came from, and the names of all sources.
    """
    problems: list[Problem] = []
    sources: list[str] = []
    merged = _extended(document, folder, (), problems, sources)
    whole = (*problems, *merged.problems)
    return Document(merged.data, merged.values, merged.keys, whole), tuple(dict.fromkeys(sources))


def _extended(
    document: Document, folder: File, inside: tuple[str, ...], problems: list[Problem], sources: list[str]
) -> Document:
    named = document.data.get("extends") if isinstance(document.data, Mapping) else None
    names = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    base = Document({})
    for index, name in enumerate(names):
        at: Path = ("extends", index) if isinstance(named, list) else ("extends",)
        try:
            label, found = _open(str(name), folder)
        except ConfigError as error:
            problems.append(Problem(f"{error.what}; {error.hint}".removesuffix("; "), at, document.spot(at)))
            continue
        if label in inside:
            problems.append(Problem(f"{label} extends itself", at, document.spot(at)))
            continue
        sources.append(label)
        base = merge(base, _extended(found, folder, (*inside, label), problems, sources))
    return merge(base, document) if names else document


def _open(name: str, folder: File) -> tuple[str, Document]:
    if "/" in name or name.endswith((".yaml", ".yml")):
        file = folder / File(name).expanduser()
        if not file.is_file():
            raise ConfigError(f"there is no file {name}")
        return name, parse(read_text(file), name)
    if name not in packaged():
        raise ConfigError(f"there is no recipe {name}", hint=nearest(name, packaged()))
    return f"recipe {name}", parse(read_text(FOLDER / f"{name}.yaml"), f"recipe {name}")


@dataclass
class _Layers:
    under: Document
    over: Document
    values: dict[Path, Spot]
    keys: dict[Path, Spot]


def merge(under: Document, over: Document) -> Document:
    """Two documents as one; `over` wins."""
    layers = _Layers(under, over, dict(under.values), dict(under.keys))
    data = _merged(under.data, over.data, (), layers)
    return Document(data, layers.values, layers.keys, (*under.problems, *over.problems))


def _merged(under: Any, over: Any, path: Path, layers: _Layers) -> Any:
    if not isinstance(under, dict) or not isinstance(over, dict) or _replaces(under, over):
        _take_over(path, layers)
        return over
    out = {key: value for key, value in under.items() if not (len(path) == 2 and _instead_of(key, over))}
    for key, value in over.items():
        here = (*path, key)
        if key not in out:
            _take_over(here, layers)
            out[key] = value
        elif value is None:
            del out[key]
        else:
            layers.keys[here] = layers.over.keys[here]
            out[key] = _merged(out[key], value, here, layers)
    if path in layers.over.values:
        layers.values[path] = layers.over.values[path]
    return out


def _instead_of(key: str, over: Mapping[str, Any]) -> bool:
    return any(key in _INSTEAD.get(given, ()) for given, value in over.items() if value is not None)


def _replaces(under: Mapping[str, Any], over: Mapping[str, Any]) -> bool:
    other_kind = "kind" in over and "kind" in under and over["kind"] != under["kind"]
    references = bool(under) and bool(over) and set(under) <= _REFERENCE and set(over) <= _REFERENCE
    return other_kind or references


def _take_over(path: Path, layers: _Layers) -> None:
    """Have everything at and below a path be where the upper document has it."""
    for into, source in ((layers.values, layers.over.values), (layers.keys, layers.over.keys)):
        for at in [at for at in into if at[: len(path)] == path]:
            del into[at]
        into.update({at: spot for at, spot in source.items() if at[: len(path)] == path})
