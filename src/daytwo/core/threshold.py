"""A limit as people write it: `> 2s`, `>= 90%`, `< 3d`, `> 2.5GB`, `> 3`."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from daytwo.core.units import Duration, Percent, Size

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_PATTERN = r"\s*(>=|<=|==|!=|>|<)\s*(\S.*?)\s*"
_EXAMPLE = "> 2s"


class Threshold(str):
    """A comparison with a value in base units: seconds, bytes, a fraction, or a plain number."""

    __slots__ = ("sign", "value")

    sign: str
    """The comparison: `>`, `>=`, `<`, `<=`, `==`, `!=`."""
    value: float
    """What is compared with, in base units."""

    def __new__(cls, text: str) -> Self:
        """Read the written form.

        Raises:
            ValueError: it is not written like that.
        """
        match = re.fullmatch(_PATTERN, text)
        if match is None:
            raise ValueError(f"write a comparison and a value, like `{_EXAMPLE}`, `>= 90%` or `> 3`")
        made = super().__new__(cls, f"{match[1]} {match[2]}")
        made.sign, made.value = match[1], _value(match[2])
        return made

    def holds(self, value: float) -> bool:
        """Whether a value is such that the comparison is true."""
        return _OPERATORS[self.sign](value, self.value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": rf"^{_PATTERN}$", "examples": [_EXAMPLE, ">= 90%", "> 3"]}

    @classmethod
    def _read(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise ValueError(f"write a comparison and a value, like `{_EXAMPLE}`")
        return cls(value)


def _value(text: str) -> float:
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return float(text)
    for unit in (Duration, Size, Percent):
        try:
            return float(unit.parse(text))
        except ValueError:
            continue
    raise ValueError(f"'{text}' is no number with a unit that is known; write it like 2s, 90%, 2.5GB or 3")
