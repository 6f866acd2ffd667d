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


def install_handlers(app: FastAPI) -> None:
    """Have every error answered in the envelope."""

    @app.exception_handler(DaytwoError)
    async def known(request: Request, error: DaytwoError) -> Response:
        if shown := error_page(request, status_of(error), error.what, error.hint):
            return shown
        headers = {}
        if isinstance(error, ThrottledError):
            headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, AuthenticationError):
            headers["WWW-Authenticate"] = "Bearer"
        message = f"{error.where}: {error.what}" if error.where else error.what
        return failure(status_of(error), code_of(type(error)), message, error.hint, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        problems = error.errors()
        said = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in problems[:5])
        malformed = any(one["type"] == "json_invalid" for one in problems)
        return failure(400 if malformed else 422, "malformed" if malformed else "invalid", said)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        if shown := error_page(request, error.status_code, _SAID.get(error.status_code, str(error.detail)), ""):
            return shown
        word = _WORDS.get(error.status_code, "error")
        return failure(error.status_code, word, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(sa.exc.DBAPIError)
    async def state(request: Request, error: sa.exc.DBAPIError) -> JSONResponse:
        said = str(error.orig).strip().splitlines()[0]
        _log.error("the state cannot be used: %s", said)
        return failure(503, "state", f"the state cannot be used: {said}", "Look at its disk and its rights")

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> JSONResponse:
        _log.error("a defect in daytwo: %s %s", request.method, request.url.path, exc_info=error)
        return failure(500, "defect", "this is a defect in daytwo", "The log of the daemon tells more")
