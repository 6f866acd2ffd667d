"""Tells on whose behalf a request is made: by its token, its Unix socket, or its session's cookie."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from daytwo.access.door import Door
from daytwo.access.roles import Principal, Via
from daytwo.access.secretly import csrf_of, same
from daytwo.access.sessions import Session, Visitor
from daytwo.access.tokens import Token
from daytwo.config.serving import Serve
from daytwo.core.errors import AuthenticationError, ForbiddenError, UsageError
from daytwo.web.caller import address, is_secure
from daytwo.web.peers import local

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST = 200
"""Characters of a token or cookie: no real one is longer."""
_MOST_FIELDS = 50
MUST_CHANGE = "choose a new password first"
MAY_CHANGE = frozenset({"/account", "/account/password", "/logout", "/api/session", "/api/session/password"})
"""Where somebody may go who must choose a new password first."""


@dataclass(frozen=True)
class Presence:
    """The session that a request belongs to.

    Args:
        secret: of the cookie.
        session: the session.
        csrf: what requests that change something must give.
    """

    secret: str
    session: Session
    csrf: str


async def identify(request: Request) -> Principal:
    """On whose behalf a request is made.

    Raises:
        AuthenticationError: nobody is named, or what is given is wrong or has ended.
        ForbiddenError: the CSRF token is missing or wrong; a local user has no role; a new password is due.
    """
    door: Door = request.app.state.house.door
    settings: Serve = request.app.state.house.current().serve
    given = request.headers.get("authorization")
    if given is not None:
        return await _by_token(request, given, door, settings)
    peer = (request.scope.get("state") or {}).get("peer")
    if peer is not None:
        return await run_in_threadpool(local, peer[1], peer[2], settings.local)
    return await _by_cookie(request, door, settings)


async def _by_token(request: Request, given: str, door: Door, settings: Serve) -> Principal:
    scheme, _, secret = given.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not 0 < len(secret) <= _LONGEST:
        raise AuthenticationError("the header Authorization holds no token", hint="Give `Authorization: Bearer TOKEN`")
    found = door.known(secret) or await run_in_threadpool(door.token, secret)
    if not isinstance(found, Token):
        raise AuthenticationError(
            "this token is wrong, has expired or was revoked", hint="Make one with `daytwo tokens create`"
        )
    source = address(request, settings)
    door.touch(found, source)
    return Principal(f"token {found.name}", Via.TOKEN, found.role, found.areas, source)


async def _by_cookie(request: Request, door: Door, settings: Serve) -> Principal:
    secret = request.cookies.get(cookie_name(request, settings), "")
    if not 0 < len(secret) <= _LONGEST:
        raise AuthenticationError("log in first", hint="Log in at /login, or give `Authorization: Bearer TOKEN`")
    found = door.known(secret) or await run_in_threadpool(door.visitor, secret)
    if not isinstance(found, Visitor):
        raise AuthenticationError("this session has ended", hint="Log in again at /login")
    csrf = csrf_of(secret)
    if request.method not in _SAFE:
        from_here(request, settings)
        given = request.headers.get("x-csrf-token") or (await form(request)).get("csrf", "")
        if not same(given, csrf):
            raise ForbiddenError(
                "the CSRF token is missing or wrong",
                hint="Load the page anew, or give X-CSRF-Token as /api/session says",
            )
    if found.must_change and request.url.path not in MAY_CHANGE:
        raise ForbiddenError(MUST_CHANGE, hint="Do so at /account")
    request.state.presence = Presence(secret, found.session, csrf)
    return Principal(found.session.user, Via.SESSION, found.role, source=address(request, settings))


def presence(request: Request) -> Presence | None:
    """The session that a request belongs to, once it is identified; None for tokens and the socket."""
    found: Presence | None = getattr(request.state, "presence", None)
    return found


def from_here(request: Request, settings: Serve) -> None:
    """Make sure that no other site's page sent this request: browsers say where a request began.

    It guards what is done before there is a session, such as the login itself, and is a second lock after that.

    Raises:
        ForbiddenError: another site's page did.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        mine = site in ("same-origin", "none")
    else:
        origin = request.headers.get("origin")
        hosts = {request.headers.get("host", ""), urlsplit(settings.url or "").netloc}
        mine = origin is None or urlsplit(origin).netloc in hosts - {""}
    if not mine:
        raise ForbiddenError("this request began on another site", hint="Begin at the daemon's own address")


async def form(request: Request) -> dict[str, str]:
    """The fields of a plain form; empty when the body is none.

    Raises:
        UsageError: it has too many fields, or is no text.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise UsageError("the form cannot be read", hint="Send it again") from None


def cookie_name(request: Request, settings: Serve) -> str:
    """The cookie's name. With TLS it begins with `__Host-`: no other host or path can set it (RFC 6265bis, 4.1.3.2)."""
    return "__Host-daytwo" if is_secure(request, settings) else "daytwo"


def set_cookie(request: Request, response: Response, settings: Serve, secret: str) -> None:
    """Give the browser its session."""
    response.set_cookie(
        cookie_name(request, settings),
        secret,
        max_age=int(settings.session),
        path="/",
        secure=is_secure(request, settings),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response, settings: Serve) -> None:
    """Have the browser forget its session."""
    response.delete_cookie(
        cookie_name(request, settings), path="/", secure=is_secure(request, settings), httponly=True, samesite="lax"
    )
