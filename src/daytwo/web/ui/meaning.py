"""What a form means: its fields as an order, or a refusal that names the field."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from daytwo.core.errors import UsageError

T = TypeVar("T", bound=BaseModel)


def meant(kind: type[T], given: Mapping[str, Any]) -> T:
    """The order that a form means.

    Args:
        kind: what is ordered.
        given: its fields.

    Raises:
        UsageError: it makes no sense.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:3])
        raise UsageError(said, hint="Go back and fill it in") from None
