"""The settings of kind `http`."""

import re
import warnings
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from daytwo.core.net.measures import CERTIFICATE_LEFT, DURATION, PHASES
from daytwo.core.net.settings import Text, WebSettings
from daytwo.core.units import Size

_PART = r"^[a-z0-9][a-z0-9_-]{0,62}$"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _texts(value: object) -> object:
    listed = _listed(value)
    return [str(one) if isinstance(one, int) else one for one in listed] if isinstance(listed, list | tuple) else listed


def _statuses(value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        status_range(one)
    if not value:
        raise ValueError("name at least one status")
    return value


def status_range(text: str) -> tuple[int, int]:
    """The first and last status that `200`, `2xx` or `200-299` means.

    Raises:
        ValueError: it means none.
    """
    if re.fullmatch(r"[1-5]xx", text):
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    match = re.fullmatch(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise ValueError(f"'{text}' is no status; write 200, 2xx or 200-299")
    return first, last


def _expression(text: str) -> str:
    import jmespath

    try:
        jmespath.compile(text)
    except jmespath.exceptions.JMESPathError:
        raise ValueError(f"'{text}' is no JMESPath expression, such as `data.status` or `length(items)`") from None
    return text


def _expressions(value: Mapping[str, object] | tuple[str, ...]) -> Mapping[str, object] | tuple[str, ...]:
    for one in value:
        _expression(one)
    return value


def _measured(value: Mapping[str, str]) -> Mapping[str, str]:
    for name, text in value.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
            raise ValueError(f"'{name}': write a name of lower-case letters, digits and _")
        if name in TAKEN:
            raise ValueError(f"'{name}' is measured already; give it another name")
        _expression(text)
    return value


def _pattern(text: str) -> str:
    import regex

    try:
        regex.compile(text)
    except regex.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


def _parts(value: Mapping[str, "Page"]) -> Mapping[str, "Page"]:
    for name in value:
        if not re.fullmatch(_PART, name):
            raise ValueError(f"'{name}': write a name of lower-case letters, digits, - and _")
    return value


TAKEN = frozenset({DURATION.name, *PHASES, "status", "size", CERTIFICATE_LEFT.name})
"""Names of the numbers that every probe may take."""
Scalar = str | int | float | bool | None
Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Statuses = Annotated[tuple[str, ...], BeforeValidator(_texts), AfterValidator(_statuses)]
Json = Annotated[dict[str, Scalar] | Words, AfterValidator(_expressions)]

with warnings.catch_warnings():
    # pydantic's own method `json` has had no use since version 2, and no other word is as plain.
    warnings.filterwarnings("ignore", message='Field name "json"')

    class Expected(BaseModel):
        """What is asked, and what of the answer must be true."""

        model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

        method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
            default="GET", description="the method"
        )
        body: Text | None = Field(default=None, description="what is sent along: a text or a secret reference")
        status: Statuses = Field(default=("200-299",), description="codes that are right: `200`, `2xx`, `200-299`")
        json: Json = Field(  # type: ignore[assignment]
            default={},
            description="JMESPath expressions with the value that each must give, such as `{data.status: ok}`; or a "
            "list of expressions that must be true",
        )
        contains: Words = Field(default=(), description="texts that the answer must contain")
        lacks: Words = Field(default=(), description="texts that the answer must not contain")
        matches: Annotated[str, AfterValidator(_pattern)] | None = Field(
            default=None, description="regular expression that must be found in the answer"
        )
        answers_with: dict[str, str | bool] = Field(
            default={},
            description="headers of the answer by name: a text that the value must contain, `true` when it must be "
            "there, `false` when it must not",
        )
        numbers: Annotated[dict[str, str], AfterValidator(_measured)] = Field(
            default={}, description="numbers to keep, by name: JMESPath expressions, such as `data.overall.score`"
        )


class Page(Expected):
    """Another address of the same server."""

    path: str = Field(pattern="^/", description="its path, which follows the service's address")


class HttpSettings(WebSettings, Expected):
    """Settings of kind `http`."""

    health: str | None = Field(
        default=None, pattern="^/", description="path that tells how it is; it follows the address"
    )
    redirects: int = Field(
        default=5, ge=0, le=50, description="redirects that are followed; with 0 the redirect itself is the answer"
    )
    max_size: Size = Field(
        default=Size(1_000_000), ge=0, le=64_000_000, description="so much of an answer is read, and no more"
    )
    also: Annotated[dict[str, Page], AfterValidator(_parts)] = Field(
        default={}, description="further paths that are asked, by name; each is a check of its own: `SERVICE.NAME`"
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        asked: tuple[Expected, ...] = (self, *self.also.values())
        for one in asked:
            if one.method == "HEAD" and (one.json or one.contains or one.lacks or one.matches or one.numbers):
                raise ValueError("an answer to HEAD has no content that could be looked at; ask with GET")
        return self
