"""Checkpoints are JSON: readable with any SQLite browser, and nothing is ever unpickled from the state."""

import json
from typing import Any

from daytwo.core import errors
from daytwo.core.errors import DaytwoError


class StepError(DaytwoError):
    """An error from outside daytwo's own, as read back from a checkpoint."""


def encode(value: Any) -> str:
    """JSON of a step's or workflow's input, result or error."""
    return json.dumps(value, default=_other, separators=(",", ":"))


def decode(text: str) -> Any:
    """The value back; errors as exceptions of daytwo's own classes."""
    return json.loads(text, object_hook=_object)


def _other(value: object) -> object:
    if isinstance(value, DaytwoError):
        return {"$error": type(value).__name__, "what": value.what, "where": value.where, "hint": value.hint}
    if isinstance(value, BaseException):
        return {"$error": "StepError", "what": f"{type(value).__name__}: {value}", "where": "", "hint": ""}
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no place in a checkpoint")


def _object(value: dict[str, Any]) -> Any:
    name = value.get("$error")
    if name is None:
        return value
    kind = StepError if name == "StepError" else getattr(errors, name, StepError)
    return kind(value["what"], where=value["where"], hint=value["hint"])
