"""Typed values with units, as people write them: `30m`, `2.5GB`, `99.9%`.

Each is a subclass of a plain number (seconds, bytes, a fraction), so that arithmetic needs no unwrapping, and a
pydantic type, so that the configuration accepts the written form and the JSON Schema describes it.
"""

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+)?)"


class _Unit(float):
    """A number written with a unit. Subclasses say which units there are."""

    factors: ClassVar[Mapping[str, float]]
    largest: ClassVar[float]
    pattern: ClassVar[str]
    example: ClassVar[str]

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read the written form.

        Args:
            text: for instance `30m`; a bare number is taken in the base unit where zero is the only sensible one.

        Raises:
            ValueError: it is not written like that.
        """
        if isinstance(text, bool):
            raise ValueError(f"write it like {cls.example}")
        if isinstance(text, int | float):
            if text == 0 or isinstance(text, cls):
                return cls(text)
            raise ValueError(f"{text} has no unit; write it like {cls.example}")
        if not isinstance(text, str):
            raise ValueError(f"write it like {cls.example}")
        total, rest = 0.0, text.strip()
        if not rest:
            raise ValueError(f"write it like {cls.example}")
        while rest:
            match = re.match(_NUMBER + r"\s*" + cls.pattern + r"\s*", rest)
            if match is None:
                raise ValueError(f"'{text}' is not understood; write it like {cls.example}")
            total += float(match["number"]) * cls.factors[match["unit"]]
            rest = rest[match.end() :]
        if total > cls.largest:
            raise ValueError(f"'{text}' is more than can be meant; write it like {cls.example}")
        return cls._made(total)

    @classmethod
    def _made(cls, total: float) -> Self:
        """The value of a sum; a subclass may round away what floating point adds."""
        return cls(total)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        one = rf"{_NUMBER.replace('?P<number>', '')}\s*{cls._plain()}\s*"
        text = {"type": "string", "pattern": rf"^\s*({one})+$", "examples": [cls.example]}
        return {"anyOf": [text, {"const": 0}]}

    @classmethod
    def _plain(cls) -> str:
        return cls.pattern.replace("?P<unit>", "")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Duration(_Unit):
    """A length of time in seconds, written `90s`, `30m`, `1h30m`, `7d`, `2w`."""

    factors = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
    largest = 1000 * 31536000.0
    pattern = r"(?P<unit>ms|s|m|h|d|w|y)"
    example = "30m"

    @property
    def delta(self) -> timedelta:
        """The same as a timedelta."""
        return timedelta(seconds=float(self))

    def __str__(self) -> str:
        milliseconds = round(float(self) * 1000)
        if milliseconds == 0:
            return "0s"
        parts: list[str] = []
        for unit, size in (("w", 604800000), ("d", 86400000), ("h", 3600000), ("m", 60000), ("s", 1000), ("ms", 1)):
            count, milliseconds = divmod(milliseconds, size)
            if count:
                parts.append(f"{count}{unit}")
        return "".join(parts)


class Size(_Unit):
    """An amount of data in bytes, written `500MB`, `2.5GB` (powers of 1000) or `2GiB` (powers of 1024)."""

    factors = {
        "B": 1,
        "KB": 1e3,
        "kB": 1e3,
        "MB": 1e6,
        "GB": 1e9,
        "TB": 1e12,
        "KiB": 2**10,
        "MiB": 2**20,
        "GiB": 2**30,
        "TiB": 2**40,
    }
    largest = 1e18
    pattern = r"(?P<unit>[KkMGT]B|[KMGT]iB|B)"
    example = "2.5GB"

    @classmethod
    def _made(cls, total: float) -> Self:
        """Whole bytes: 0.1 GB are 100000000, not a fraction of a byte more."""
        return cls(math.floor(total + 0.5))

    def __str__(self) -> str:
        value = int(self)
        for unit in ("TB", "GB", "MB", "kB"):
            if value >= (factor := int(self.factors[unit])):
                whole, rest = divmod(value, factor)
                digits = str(rest).rjust(len(str(factor)) - 1, "0").rstrip("0")
                return f"{whole}.{digits}{unit}" if digits else f"{whole}{unit}"
        return f"{value}B"

    @property
    def human(self) -> str:
        """Three digits at most, for people: `1.23 GB`."""
        value = float(self)
        for unit in ("TB", "GB", "MB", "kB"):
            share = value / self.factors[unit]
            if share >= 0.9995:  # what would be rounded to 1000 of the smaller unit
                return f"{share:.0f} {unit}" if share >= 99.95 else f"{share:.3g} {unit}"
        return f"{value:.0f} B"


class Percent(_Unit):
    """A share as a fraction of one, written `99.9%`."""

    factors = {"%": 0.01}
    largest = 1e6
    pattern = r"(?P<unit>%)"
    example = "99.9%"

    def __str__(self) -> str:
        return f"{float(self) * 100:.9f}".rstrip("0").rstrip(".") + "%"
