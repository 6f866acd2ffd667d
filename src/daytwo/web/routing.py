"""Routes, each declared with the role it needs: what is not declared is not there."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BeforeValidator

from daytwo.access.roles import Principal, Role
from daytwo.core.errors import ForbiddenError
from daytwo.core.moments import only_day, only_moment
from daytwo.web.envelope import Failure
from daytwo.web.identify import identify

F = TypeVar("F", bound=Callable[..., Any])
_FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": Failure, "description": "It cannot be read."},
    401: {"model": Failure, "description": "It is not known who asks."},
    403: {"model": Failure, "description": "Whoever asks may not do this."},
    409: {"model": Failure, "description": "As things are, it cannot be done."},
    422: {"model": Failure, "description": "It is read and makes no sense."},
}
_UNREADABLE: dict[int | str, dict[str, Any]] = {400: _FAILURES[400]}
NOT_THERE: dict[int | str, dict[str, Any]] = {404: {"model": Failure, "description": "It is not there."}}
"""What a route answers besides, when what it is about is not there; given to those with a part in their path."""


Who = Annotated[Principal, Depends(identify)]
"""On whose behalf a request is made."""
Limit = Annotated[int, Query(ge=1, le=500, description="how many at most")]
Moment = Annotated[AwareDatetime, BeforeValidator(only_moment)]
"""A time in ISO 8601 with its zone; a bare number is none."""
Day = Annotated[date, BeforeValidator(only_day)]
"""A day in ISO 8601; a bare number is none."""
After = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]


class Area:
    """The routes of one part of the API.

    Args:
        name: of the part; tokens can be limited to it.
        prefix: what all its paths begin with.
    """

    def __init__(self, name: str, prefix: str) -> None:
        self.name = name
        self.router = APIRouter(prefix=prefix, tags=[name], generate_unique_id_function=_operation)

    def get(self, path: str, role: Role | None, **options: Any) -> Callable[[F], F]:
        """A route that only looks. `role` None means that everybody may."""
        return self._route("GET", path, role, options)

    def post(self, path: str, role: Role | None, **options: Any) -> Callable[[F], F]:
        """A route that does something."""
        return self._route("POST", path, role, options)

    def patch(self, path: str, role: Role | None, **options: Any) -> Callable[[F], F]:
        """A route that changes something."""
        return self._route("PATCH", path, role, options)

    def delete(self, path: str, role: Role | None, **options: Any) -> Callable[[F], F]:
        """A route that removes something."""
        return self._route("DELETE", path, role, options)

    def _route(self, method: str, path: str, role: Role | None, options: dict[str, Any]) -> Callable[[F], F]:
        guard = [] if role is None else [Depends(self._needs(role))]
        failures = _UNREADABLE if role is None else {**_FAILURES, **(NOT_THERE if "{" in path else {})}
        responses = {**failures, **options.pop("responses", {})}
        extra = {"x-role": role.word if role else "public", "x-area": self.name}
        return self.router.api_route(
            path, methods=[method], dependencies=guard, responses=responses, openapi_extra=extra, **options
        )

    def _needs(self, role: Role) -> Callable[[Principal], Awaitable[None]]:
        async def needs(who: Who) -> None:
            if not who.may(role, self.name):
                limited = who.role >= role
                raise ForbiddenError(
                    f"{who.name} may not use {self.name}" if limited else f"this needs the role {role.word}",
                    hint="Use a token for this area" if limited else f"{who.name} has the role {who.role.word}",
                )

        return needs


def _operation(route: APIRoute) -> str:
    return f"{route.tags[0]}_{route.name}"
