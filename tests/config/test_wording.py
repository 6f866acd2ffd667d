"""Sentences for what the packaged kinds may one day do: unions, nested models, lists of maps."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from daytwo.config.document import parse
from daytwo.config.wording import problems_of
from daytwo.core.secrets import SecretRef
from daytwo.core.units import Duration


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    retries: int = Field(default=1, le=5, description="how often")
    mode: Literal["fast", "safe"] = "safe"


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: SecretRef | Literal["none"] | None = None
    one: Inner | None = None
    many: list[Inner] = []
    named: dict[str, Inner] = {}
    either: int | Duration | None = None
    needed: str = Field(description="the thing that is needed")
    word: str = Field(default="", alias="class", min_length=2, max_length=4)

    @field_validator("needed")
    @classmethod
    def _not_bad(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("anything but bad")
        return value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("needed: x\nurl: nome\n", ["f:2:6  url  must be none"]),
        ("needed: x\nurl: {evn: A}\n", ["f:2:7  url.evn  unknown setting; did you mean `env`?"]),
        ("needed: x\none: {retrys: 1}\n", ["f:2:7  one.retrys  unknown setting; did you mean `retries`?"]),
        ("needed: x\nmany: [{mode: sfe}]\n", ["f:2:15  many[0].mode  must be one of fast, safe; did you mean `safe`?"]),
        ("needed: x\nmany:\n- {retries: 9}\n", ["f:3:13  many[0].retries  must be at most 5"]),
        ("needed: x\nnamed: {a: {mdoe: safe}}\n", ["f:2:13  named.a.mdoe  unknown setting; did you mean `mode`?"]),
        ("needed: x\nnamed: {a: 5}\n", ["f:2:12  named.a  must be a map of settings"]),
        (
            "needed: x\neither: y\n",
            ["f:2:9  either  must be a whole number, or 'y' is not understood; write it like 30m"],
        ),
        ("many: []\n", ["f:1:1  needed  is missing: the thing that is needed"]),
        ("needed: bad\n", ["f:1:9  needed  anything but bad"]),
        ("needed: x\nclass: a\n", ["f:2:8  class  must have at least 2 characters"]),
        ("needed: x\nclass: abcde\n", ["f:2:8  class  must have at most 4 characters"]),
        ("needed: x\nclss: ab\n", ["f:2:1  clss  unknown setting; did you mean `class`?"]),
        ("needed: 5\n", ["f:1:9  needed  must be text; put it in quotes"]),
    ],
)
def test_sentences(text: str, said: list[str]) -> None:
    document = parse(text, "f")
    data: Any = document.data
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(data)
    assert [str(problem) for problem in problems_of(caught.value, Outer, (), document)] == said
