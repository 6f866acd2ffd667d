"""Variables of a Compose project: `.env` files and `${NAME:-default}` in values.

The rules are those of the Compose specification ("Interpolation", "env_file"); the order of precedence is that of
`docker compose`: the environment before the `.env` file.
"""

import re
from collections.abc import Mapping
from typing import Any

from daytwo.config.document import Tagged

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLAIN = re.compile(_NAME)
_OPERATOR = re.compile(rf"({_NAME})(:?[-?+])?")
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]\s*", re.ASCII)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}


def substitute(text: str, variables: Mapping[str, str], missing: set[str]) -> str:
    """Put the values of variables into a text.

    Args:
        text: with `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+instead}`, `${NAME:?error}`
            and `$$`.
        variables: the values.
        missing: names that have neither value nor default are added to it; they count as empty, as in Compose.
    """
    out: list[str] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        out.append(text[position:dollar])
        after = text[dollar + 1 : dollar + 2]
        if after == "$":
            out.append("$")
            position = dollar + 2
        elif after == "{" and (end := _closing(text, dollar + 2)) > 0:
            out.append(_braced(text[dollar + 2 : end], variables, missing))
            position = end + 1
        elif match := _PLAIN.match(text, dollar + 1):
            out.append(_value(match[0], variables, missing))
            position = match.end()
        else:
            out.append("$")
            position = dollar + 1
    return "".join([*out, text[position:]])


def _closing(text: str, begin: int) -> int:
    depth = 1
    for index in range(begin, len(text)):
        if text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
        elif text.startswith("${", index):
            depth += 1
    return -1


def _braced(inside: str, variables: Mapping[str, str], missing: set[str]) -> str:
    match = _OPERATOR.match(inside)
    if not match:
        return ""
    name, operator, rest = match[1], match[2] or "", inside[match.end() :]
    value = variables.get(name)
    given = bool(value) if operator.startswith(":") else value is not None
    if operator.endswith("+"):
        return substitute(rest, variables, missing) if given else ""
    if operator.endswith("-"):
        return value or "" if given else substitute(rest, variables, missing)
    return _value(name, variables, missing)


def _value(name: str, variables: Mapping[str, str], missing: set[str]) -> str:
    if name not in variables:
        missing.add(name)
    return variables.get(name, "")


def substitute_all(data: Any, variables: Mapping[str, str], missing: set[str]) -> Any:
    """`substitute` for every text of a tree, keys left as they are."""
    if isinstance(data, str):
        return substitute(data, variables, missing)
    if isinstance(data, dict):
        return {key: substitute_all(value, variables, missing) for key, value in data.items()}
    if isinstance(data, list):
        return [substitute_all(value, variables, missing) for value in data]
    if isinstance(data, Tagged):
        return Tagged(data.tag, substitute_all(data.value, variables, missing))
    return data


def read_env(text: str, around: Mapping[str, str]) -> dict[str, str]:
    """The variables of a `.env` file.

    Args:
        text: its content: `NAME=value`, `export NAME=value`, quotes over several lines, comments.
        around: variables that values may refer to; they go before those of the file.
    """
    found: dict[str, str] = {}
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        match = _LINE.match(line)
        if not match or line.lstrip().startswith("#"):
            continue
        rest = line[match.end() :]
        if rest[:1] in ("'", '"'):
            rest, index = _quoted(rest, lines, index)
        found[match[1]] = _env_value(rest, {**found, **around})
    return found


def _quoted(rest: str, lines: list[str], index: int) -> tuple[str, int]:
    """A quoted value with the lines it goes on over, and the index of the line behind it."""
    whole = rest
    for end in range(index, len(lines) + 1):
        if _quote_end(whole) > 0:
            return whole, end
        whole += "\n" + "".join(lines[end : end + 1])
    return rest, index


def _quote_end(text: str) -> int:
    quote, position = text[0], 1
    while position < len(text):
        if text[position] == "\\" and quote == '"':
            position += 1
        elif text[position] == quote:
            return position
        position += 1
    return -1


def _env_value(rest: str, variables: Mapping[str, str]) -> str:
    if rest[:1] in ("'", '"') and (end := _quote_end(rest)) > 0:
        inside = rest[1:end]
        if rest[0] == "'":
            return inside
        inside = re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], "\\" + match[1]), inside)
        return substitute(inside, variables, set())
    return substitute(re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].strip(), variables, set())
