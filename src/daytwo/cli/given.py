"""What was given on the command line, as a model; what makes no sense is the user's mistake."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from daytwo.core.errors import UsageError

M = TypeVar("M", bound=BaseModel)


def made_of(model: type[M], values: Mapping[str, object]) -> M:
    """A model of what was given.

    Raises:
        UsageError: it makes no sense; the first of what is wrong is told.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(str(first["msg"]).removeprefix("Value error, "), where=str(first["loc"][0])) from None
