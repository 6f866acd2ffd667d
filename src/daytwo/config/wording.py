"""Turns pydantic's errors into sentences for people, with the nearest valid name, never with the value given."""

import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from daytwo.config.document import Document
from daytwo.config.problems import Path, Problem, nearest

Error = Mapping[str, Any]

_PLAIN: Mapping[str, str] = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a map of names to settings",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "mapping_type": "must be a map of names to settings",
    "model_attributes_type": "must be a map of settings",
    "model_type": "must be a map of settings",
    "none_required": "must be empty",
    "path_type": "must be a path",
    "set_type": "must be a list",
    "tuple_type": "must be a list",
    "url_parsing": "must be an address (URL)",
    "url_scheme": "must be an address (URL) of another scheme",
    "url_type": "must be an address (URL)",
}
_RULES: Mapping[str, str] = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_long": "must have at most {max_length} entries",
}
_PATTERNS: Mapping[str, str] = {
    r"^[a-z0-9][a-z0-9_-]{0,62}$": "must be a name of lower-case letters, digits, `-` and `_` (at most 63)",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$": "must be a name of letters, digits, `-`, `_` and `.` (at most 63)",
}


def problems_of(error: ValidationError, model: type[BaseModel], base: Path, document: Document) -> list[Problem]:
    """The mistakes that a validation found.

    Args:
        error: what pydantic raised.
        model: the model that was to be made.
        base: where in the document its data is.
        document: the text.
    """
    data = _at(document.data, base)
    by_path: dict[Path, list[Error]] = {}
    for one in error.errors(include_url=False, include_input=False):
        by_path.setdefault(_real_path(one, data), []).append(one)
    return [
        _problem(path, _meant(errors, _at(data, path)), model, base, document)
        for path, errors in by_path.items()
        if not _beside_the_point(path, errors, by_path)
    ]


def _beside_the_point(path: Path, errors: list[Error], all_paths: Iterable[Path]) -> bool:
    """Whether these only say that a map is not the text it could have been, while others say what is wrong in it."""
    deeper = any(other != path and other[: len(path)] == path for other in all_paths)
    return deeper and all(str(one["type"]).endswith("_type") or one["type"] == "literal_error" for one in errors)


def _meant(errors: list[Error], given: object) -> list[Error]:
    """Of the complaints of a union's members, those of the member that was meant."""
    if isinstance(given, str) and len(errors) > 1:
        return [one for one in errors if not any("SecretRef" in str(step) for step in one["loc"])] or errors
    return errors


def _problem(path: Path, errors: list[Error], model: type[BaseModel], base: Path, document: Document) -> Problem:
    first = errors[0]
    whole = (*base, *path)
    if first["type"] == "extra_forbidden":
        known = nearest(str(path[-1]), settings_at(model, first["loc"][:-1]), there="there are")
        return Problem(f"unknown setting; {known}", whole, document.spot(whole, key=True))
    if first["type"] == "missing":
        about = _about(model, first["loc"])
        return Problem(f"is missing{f': {about}' if about else ''}", whole, document.spot(whole[:-1], key=True))
    given = _at(document.data, whole)
    sentences = list(dict.fromkeys(sentence(one, given) for one in errors))
    return Problem(", or ".join(sentences), whole, document.spot(whole, key="[key]" in first["loc"]))


def sentence(error: Error, given: object = None) -> str:
    """What is wrong in one sentence without a full stop.

    Args:
        error: one of pydantic's errors.
        given: what was written; only its type is ever told, or the word where a few words are allowed.
    """
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in _PLAIN:
        return _PLAIN[kind] + (" (leave the quotes out)" if isinstance(given, str) and given.isdigit() else "")
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", error["msg"]))
    if kind == "string_type":
        return "must be text" + ("; put it in quotes" if isinstance(given, int | float) else "")
    if kind in ("literal_error", "enum"):
        allowed = [word.strip().strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(",")]
        return _one_of([word for word in allowed if word], given)
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(context.get("pattern")), f"must look like {context.get('pattern')}")
    if kind == "too_short":
        return "must not be empty" if context.get("min_length") == 1 else f"must have {context['min_length']} entries"
    if kind in _RULES:
        return _RULES[kind].format(**context)
    if kind == "union_tag_invalid":
        return f"must be one of {context.get('expected_tags')}"
    return str(error["msg"])[:1].lower() + str(error["msg"])[1:]


def _one_of(allowed: list[str], given: object) -> str:
    if len(allowed) == 1:
        return f"must be {allowed[0]}"
    start = f"must be one of {', '.join(allowed)}"
    close = nearest(given, allowed) if isinstance(given, str) else ""
    return f"{start}; {close}" if close.startswith("did you mean") else start


def _real_path(error: Error, data: Any) -> Path:
    """The error's place in the data: pydantic adds the names of union members and validators to its own."""
    here, path = data, []
    location = [step for step in error["loc"] if step != "[key]"]
    for index, step in enumerate(location):
        in_list = isinstance(here, list) and isinstance(step, int) and step < len(here)
        if in_list or (isinstance(here, Mapping) and step in here):
            here = here[step]
        elif not (error["type"] == "missing" and index == len(location) - 1):
            continue
        path.append(step)
    return tuple(path)


def _at(data: Any, path: Path) -> Any:
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def settings_at(model: type[BaseModel], path: Path) -> set[str]:
    """The names of the settings that a model takes at a place inside it (a `loc` of pydantic's)."""
    names: set[str] = set()
    for found in _models_at(model, path):
        names.update(field.alias or name for name, field in found.model_fields.items())
    return names


def _about(model: type[BaseModel], path: Path) -> str:
    """What the setting at a place is, in its own description's words."""
    for found in _models_at(model, path[:-1]):
        for name, field in found.model_fields.items():
            if path[-1] in (name, field.alias):
                return field.description or ""
    return ""


def _models_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    here: list[Any] = [model]
    for step in path:
        # A step that leads nowhere is the name of a union's member, which pydantic puts between.
        here = [inner for one in here for inner in _below(one, step)] or here
    return [one for one in _flat(here) if isinstance(one, type) and issubclass(one, BaseModel)]


def _below(kind: Any, step: str | int) -> list[Any]:
    found: list[Any] = []
    for one in _flat([kind]):
        if isinstance(one, type) and issubclass(one, BaseModel):
            found += [field.annotation for name, field in one.model_fields.items() if step in (name, field.alias)]
        elif isinstance(step, int):
            found += get_args(one)
        elif get_origin(one) in (dict, Mapping):
            found.append(get_args(one)[-1])
    return found


def _flat(kinds: Iterable[Any]) -> list[Any]:
    """Types with unions and annotations taken apart."""
    out: list[Any] = []
    for kind in kinds:
        origin = get_origin(kind)
        if origin is Annotated:
            out += _flat([get_args(kind)[0]])
        elif origin in (Union, types.UnionType):
            out += _flat(get_args(kind))
        else:
            out.append(kind)
    return out
