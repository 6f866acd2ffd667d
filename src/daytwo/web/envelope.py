"""What every answer looks like: `{"data": ...}`, or `{"error": {"code", "message", "hint"}}`."""

import logging
from collections.abc import Sequence
from typing import Generic, TypeVar

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from daytwo.core.errors import (
    AuthenticationError,
    BusyError,
    ConfigError,
    ConflictError,
    DaytwoError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ThrottledError,
    UsageError,
    code_of,
)
from daytwo.core.secrets import redact
from daytwo.store.database import said_by
from daytwo.web.pages import error_page

T = TypeVar("T")
_log = logging.getLogger(__name__)
_STATUS: tuple[tuple[type[DaytwoError], int], ...] = (
    (NotFoundError, 404),
    (AuthenticationError, 401),
    (ForbiddenError, 403),
    (ThrottledError, 429),
    (UsageError, 422),
    (ConfigError, 422),
    (ConflictError, 409),
    (BusyError, 409),
    (RefusedError, 409),
)
_SAID = {404: "there is no such page", 405: "this address is not for that"}
_WORDS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported"}


class Data(BaseModel, Generic[T]):
    """An answer."""

    data: T


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    data: Sequence[T]
    next: str | None = Field(default=None, description="give it as `after` for the next page; null on the last one")


class Problem(BaseModel):
    """What went wrong, and what to do."""

    code: str = Field(description="one word for programs")
    message: str = Field(description="one sentence")
    hint: str = Field(default="", description="the next step, where there is one")


class Failure(BaseModel):
    """An answer that is none."""

    error: Problem


def failure(
    status: int, code: str, message: str, hint: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error as an answer."""
    body = Failure(error=Problem(code=code, message=redact(message), hint=redact(hint)))
    return JSONResponse(body.model_dump(), status, headers=headers)


def status_of(error: DaytwoError) -> int:
    """The HTTP status that an error has; 502 for what failed beyond daytwo itself."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 502)


def answered(
    request: Request,
    status: int,
    problem: Problem,
    *,
    page: Problem | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An error as whoever asks reads it: a page for a browser, the envelope for programs.

    Args:
        request: what is answered.
        status: the HTTP status.
        problem: what programs are told.
        page: what people are told instead, where that differs.
        headers: of the envelope.
    """
    said = page or problem
    shown = error_page(request, status, redact(said.message), redact(said.hint))
    return shown or failure(status, problem.code, problem.message, problem.hint, headers)


def install_handlers(app: FastAPI) -> None:
    """Have every error answered, each as its asker reads it."""

    @app.exception_handler(DaytwoError)
    async def known(request: Request, error: DaytwoError) -> Response:
        headers = {}
        if isinstance(error, ThrottledError):
            headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, AuthenticationError):
            headers["WWW-Authenticate"] = "Bearer"
        code, message = code_of(type(error)), f"{error.where}: {error.what}" if error.where else error.what
        people = Problem(code=code, message=error.what, hint=error.hint)
        problem = Problem(code=code, message=message, hint=error.hint)
        return answered(request, status_of(error), problem, page=people, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        problems = error.errors()
        said = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in problems[:5])
        if any(one["loc"][:1] == ("path",) for one in problems) and (shown := error_page(request, 404, _SAID[404], "")):
            return shown
        malformed = any(one["type"] == "json_invalid" for one in problems)
        problem = Problem(code="malformed" if malformed else "invalid", message=said)
        return answered(request, 400 if malformed else 422, problem)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        code, said = _WORDS.get(error.status_code, "error"), str(error.detail)
        people = Problem(code=code, message=_SAID.get(error.status_code, said))
        problem = Problem(code=code, message=said)
        return answered(request, error.status_code, problem, page=people, headers=dict(error.headers or {}))

    @app.exception_handler(sa.exc.DBAPIError)
    async def state(request: Request, error: sa.exc.DBAPIError) -> Response:
        said = said_by(error)
        _log.error("the state cannot be used: %s", said)
        message, hint = f"the state cannot be used: {said}", "Look at its disk and its rights"
        return answered(request, 503, Problem(code="state", message=message, hint=hint))

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        _log.error("a defect in daytwo: %s %s", request.method, request.url.path, exc_info=error)
        told = Problem(code="defect", message="this is a defect in daytwo", hint="The log of the daemon tells more")
        return answered(request, 500, told)
