"""Reads YAML into plain data and remembers where everything was written.

It is YAML 1.2 in what matters to people: `on`, `yes` and `22:22` are text, only `true` and `false` are truth values.
A key given twice is a mistake; the last one does not win. The parser is libyaml's, by PyYAML: 0.3 ms for a file for
which ruamel.yaml takes 6 ms, and half of its 100 ms to import, which every `daytwo status` would pay.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]

from daytwo.config.problems import Path, Problem, Spot
from daytwo.core.errors import ConfigError

_TOO_MUCH = 100_000
"""More values than any configuration has: aliases of aliases, made to fill the memory."""

_CORE = (
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"),
        list("-+0123456789."),
    ),
    ("tag:yaml.org,2002:merge", re.compile(r"^(?:<<)$"), ["<"]),
)  # fmt: skip

_Base: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, list[Any]] = {}


class _Dumper(yaml.SafeDumper):  # type: ignore[misc,unused-ignore]
    yaml_implicit_resolvers = {first: list(rules) for first, rules in yaml.SafeDumper.yaml_implicit_resolvers.items()}

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)


@dataclass(frozen=True)
class Tagged:
    """A value with a tag of its own, such as Compose's `!reset` and `!override`."""

    tag: str
    value: Any


@dataclass(frozen=True)
class Document:
    """What a YAML text says.

    Args:
        data: plain dicts (with text keys), lists, text, numbers, truth values and None.
        values: where each value begins.
        keys: where each key begins.
        problems: what is wrong with the text; the data is what could be read nevertheless.
    """

    data: Any
    values: Mapping[Path, Spot] = field(default_factory=dict)
    keys: Mapping[Path, Spot] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def spot(self, path: Path, *, key: bool = False) -> Spot | None:
        """Where a value (or its key) is written; that of what surrounds it when it is not."""
        found = (self.keys.get(path) if key else None) or self.values.get(path)
        while found is None and path:
            path = path[:-1]
            found = self.keys.get(path) or self.values.get(path)
        return found


def read_text(file: File) -> str:
    """A configuration file's text.

    Raises:
        ConfigError: it is not there, not readable or not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"there is no file {file}", hint="Make one with `daytwo init`") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text (byte {error.start})", hint="Save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}", hint="Check the path and its owner") from None


def parse(text: str, file: str, *, tags: frozenset[str] = frozenset()) -> Document:
    """Read a YAML text. Never raises; what is wrong is in the document's problems.

    Args:
        text: the text.
        file: what to call it.
        tags: tags that are kept, as `Tagged`.
    """
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        return Document(None, problems=(_syntax(error, file),))
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        spot = Spot(file, text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position))
        return Document(None, problems=(Problem("a character that YAML does not allow", spot=spot),))
    except RecursionError:
        return Document(None, problems=(_too_deep(file),))
    builder = _Builder(file, tags)
    try:
        data = builder.build(node, ()) if node is not None else None
    except RecursionError:
        return Document(None, problems=(_too_deep(file),))
    return Document(data, builder.values, builder.keys, tuple(builder.problems))


def _too_deep(file: str) -> Problem:
    return Problem("more lists and maps inside each other than anything here has", spot=Spot(file, 1, 1))


def dump(data: Any) -> str:
    """Plain data as YAML, keys in their order, for people; `parse` gives the same data back."""
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False)
    return str(text)


def flow(data: Any) -> str:
    """Plain data as YAML on one line: `{kind: postgres, container: db}`."""
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 20, default_flow_style=True)
    return str(text).removesuffix("\n").removesuffix("\n...")


def _syntax(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    spot = Spot(file, mark.line + 1, mark.column + 1) if mark else Spot(file, 1, 1)
    what = (error.problem or "it cannot be read").strip()
    if "cannot start any token" in what:
        what = "a tab, or a character that must be in quotes; YAML is indented with spaces"
    elif "mapping values are not allowed" in what:
        what = "a second `:` on this line; put the value in quotes, or check the indentation"
    elif "could not find expected ':'" in what:
        what = "a `:` is missing after a key"
    elif "expected a single document" in (error.context or ""):
        what = "a second document (`---`); one file holds one app"
    elif "undefined alias" in what:
        what = f"{what}; an anchor is set with `&` before it is used with `*`"
    elif error.context:
        what = f"{what} ({error.context.strip()})"
    return Problem(f"this is not YAML: {what}", spot=spot)


class _Builder:
    """Turns the parser's nodes into data; aliases are followed with the place where they are used."""

    def __init__(self, file: str, tags: frozenset[str]) -> None:
        self.file = file
        self.tags = tags
        self.values: dict[Path, Spot] = {}
        self.keys: dict[Path, Spot] = {}
        self.problems: list[Problem] = []
        self._inside: list[int] = []
        self._count = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.values[path] = self._spot(node)
        self._count += 1
        if id(node) in self._inside or self._count > _TOO_MUCH:
            if self._count <= _TOO_MUCH + 1:
                self._problem(
                    "an alias that holds itself" if self._count <= _TOO_MUCH else "too many values", node, path
                )
            return None
        self._inside.append(id(node))
        try:
            value = self._value(node, path)
        finally:
            self._inside.pop()
        if node.tag in self.tags:
            return Tagged(node.tag, value)
        if node.tag.startswith("!") or node.tag.rpartition(":")[2] not in _KNOWN:
            self._problem(f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')} means nothing here", node, path)
        return value

    def _value(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind, text = node.tag.rpartition(":")[2], node.value
        if kind == "null" or (node.tag in self.tags and text in ("", "~", "null")):
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return int(text) if len(text) < 100 else text
        if kind == "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        out: dict[str, Any] = {}
        first: dict[str, Spot] = {}
        inherited: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag.endswith(":merge"):
                inherited += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._problem("a key must be a word", key, path)
                continue
            here = (*path, key.value)
            if key.value in first:
                self._problem(f"this key is given twice; the first is on line {first[key.value].line}", key, here)
                continue
            first[key.value] = self.keys[here] = self._spot(key)
            out[key.value] = self.build(value, here)
        for source in inherited:
            self._inherit(out, source, path)
        return out

    def _inherit(self, out: dict[str, Any], source: yaml.Node, path: Path) -> None:
        """Take over what a merge key (`<<`) brings, where the map does not say it itself."""
        if not isinstance(source, yaml.MappingNode):
            self._problem("only maps can be merged with `<<`", source, path)
            return
        below = _Builder(self.file, self.tags)
        below._inside, below._count = self._inside, self._count
        brought = below.build(source, path)
        self._count = below._count
        self.problems += below.problems
        for key, value in (brought or {}).items():
            if key not in out:
                out[key] = value
                here = (*path, key)
                self.keys.update({at: spot for at, spot in below.keys.items() if at[: len(here)] == here})
                self.values.update({at: spot for at, spot in below.values.items() if at[: len(here)] == here})

    def _spot(self, node: yaml.Node) -> Spot:
        return Spot(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _problem(self, what: str, node: yaml.Node, path: Path) -> None:
        self.problems.append(Problem(what, path, self._spot(node)))


_KNOWN = frozenset({"null", "bool", "int", "float", "str", "map", "seq"})
