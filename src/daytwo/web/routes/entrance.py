"""The pages with which people come in: login, welcome, account. Plain forms; no JavaScript is needed."""

import re
from datetime import datetime
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from daytwo.access.entry import Entry
from daytwo.access.invitations import Invitation, Purpose
from daytwo.access.roles import Principal, Role
from daytwo.access.sessions import Session
from daytwo.core.errors import DaytwoError, NotFoundError, ThrottledError, UsageError
from daytwo.core.schedule import zone_of
from daytwo.web.caller import caller
from daytwo.web.envelope import status_of
from daytwo.web.house import Here, House
from daytwo.web.identify import cookie_name, drop_cookie, form, from_here, identify, presence, set_cookie
from daytwo.web.pages import ACCOUNT, HOME, STATIC, local_path, page, static
from daytwo.web.routing import Area, Who

area = Area("session", "")
_BROWSERS = ("Firefox", "Edg", "OPR", "Chrome", "Safari", "curl")
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")
_CALLED = {"Edg": "Edge", "OPR": "Opera", "Mac OS X": "macOS"}


@area.get("/api/docs", None, include_in_schema=False)
def api_page(request: Request) -> Response:
    """The API's routes for people; no script, and nothing from elsewhere."""
    areas: dict[str, list[dict[str, str]]] = {}
    for path, methods in request.app.openapi()["paths"].items():
        for method, one in methods.items():
            what = one.get("description", one.get("summary", "")).split("\n")[0]
            entry = {"method": method.upper(), "path": path, "role": one.get("x-role", ""), "what": what}
            areas.setdefault(one["tags"][0], []).append(entry)
    return page(request, "api", areas=areas.items())


@area.get("/login", None, include_in_schema=False)
async def login_page(request: Request, next: str = "") -> Response:
    """The form to log in with; who is logged in already goes on."""
    try:
        await identify(request)
    except DaytwoError:
        return page(request, "login", next=local_path(next), name="", error="", hint="")
    return RedirectResponse(local_path(next), 303)


@area.post("/login", None, include_in_schema=False)
async def log_in(request: Request, house: Here) -> Response:
    """Log in and go on to where one wanted to be."""
    settings = house.current().serve
    from_here(request, settings)
    given = await form(request)
    name, wanted = given.get("name", ""), local_path(given.get("next"))
    try:
        entry = await house.door.login(
            name, given.get("password", ""), caller(request, settings), _before(request, house)
        )
    except DaytwoError as error:
        return _again(request, "login", error, next=wanted, name=name[:63])
    return _in(request, house, entry, wanted)


@area.get("/welcome/{secret}", None, include_in_schema=False)
async def welcome_page(secret: str, request: Request, house: Here) -> Response:
    """What a one-time link leads to; looking does not use it up, as mail programs look at links too."""
    found = await run_in_threadpool(_invitation, house, secret)
    return page(request, "welcome", **_welcome(found, house), error="", hint="")


@area.post("/welcome/{secret}", None, include_in_schema=False)
async def accept(secret: str, request: Request, house: Here) -> Response:
    """Choose a password (and a name, for the first admin), and begin."""
    settings = house.current().serve
    from_here(request, settings)
    given = await form(request)
    try:
        entry = await house.door.accept(secret, given.get("name", ""), _twice(given), caller(request, settings))
    except NotFoundError:
        raise
    except DaytwoError as error:
        found = await run_in_threadpool(_invitation, house, secret)
        values = _welcome(found, house)
        return _again(request, "welcome", error, **{**values, "name": values["name"] or given.get("name", "")[:63]})
    return _in(request, house, entry, HOME)


@area.get("/account", Role.VIEWER, include_in_schema=False)
async def account_page(request: Request, who: Who, house: Here, changed: bool = False) -> Response:
    """One's own account: the password, and where one is logged in."""
    values = await run_in_threadpool(_account, request, who, house)
    done = "The password is changed. You are logged out everywhere else." if changed else ""
    return page(request, "account", **values, error="", hint="", done=done)


@area.post("/account/password", Role.VIEWER, include_in_schema=False)
async def change_password(request: Request, who: Who, house: Here) -> Response:
    """Change one's own password."""
    settings = house.current().serve
    given = await form(request)
    try:
        entry = await house.door.change_password(
            who.name, given.get("old", ""), _twice(given), caller(request, settings)
        )
    except DaytwoError as error:
        return _again(request, "account", error, **await run_in_threadpool(_account, request, who, house), done="")
    return _in(request, house, entry, f"{ACCOUNT}?changed=1")


@area.post("/account/sessions/{id}", Role.VIEWER, include_in_schema=False)
def end_session(id: str, who: Who, house: Here) -> Response:
    """End one of one's own sessions."""
    house.door.do(lambda connection: house.door.leave(connection, who, id))
    return RedirectResponse(ACCOUNT, 303)


@area.post("/logout", Role.VIEWER, include_in_schema=False)
def log_out(request: Request, who: Who, house: Here) -> Response:
    """Log out."""
    here = presence(request)
    if here is not None:
        house.door.do(lambda connection: house.door.leave(connection, who, here.session.id))
    response = RedirectResponse("/login", 303)
    drop_cookie(request, response, house.current().serve)
    return response


@area.get("/static/{name}", None, include_in_schema=False)
def file(name: str) -> Response:
    """A file that all pages share."""
    if name not in STATIC:
        raise NotFoundError("there is no such file")
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(static(name), media_type=STATIC[name], headers=headers)


def _in(request: Request, house: House, entry: Entry, wanted: str) -> Response:
    response = RedirectResponse(wanted, 303)
    set_cookie(request, response, house.current().serve, entry.secret)
    return response


def _again(request: Request, template: str, error: DaytwoError, **values: Any) -> Response:
    """The form once more, with what was wrong."""
    answer = page(request, template, status_of(error), **values, error=error.what, hint=error.hint)
    if isinstance(error, ThrottledError):
        answer.headers["retry-after"] = str(error.retry_after)
    return answer


def _before(request: Request, house: House) -> str:
    """The session that the browser had."""
    return request.cookies.get(cookie_name(request, house.current().serve), "")


def _twice(given: dict[str, str]) -> str:
    if given.get("password", "") != given.get("again", ""):
        raise UsageError("the two passwords are not the same", hint="Type both again")
    return given.get("password", "")


def _invitation(house: House, secret: str) -> Invitation:
    return house.door.read(lambda connection: house.door.links.get(connection, secret))


def _welcome(found: Invitation, house: House) -> dict[str, Any]:
    return {
        "purpose": Purpose(found.purpose).value,
        "name": found.name,
        "role": found.role.word,
        "expires": _when(found.expires, house),
    }


def _account(request: Request, who: Principal, house: House) -> dict[str, Any]:
    here = presence(request)
    if here is None:
        raise UsageError("only who has logged in with a password has an account", hint="Log in at /login")
    door = house.door
    user = door.read(lambda connection: door.users.get(connection, who.name))
    sessions = door.read(lambda connection: door.sessions.of(connection, who.name))
    return {
        "name": user.name,
        "role": user.role.word,
        "csrf": here.csrf,
        "must_change": user.must_change,
        "sessions": [_row(one, here.session, house) for one in sessions],
    }


def _row(one: Session, here: Session, house: House) -> dict[str, Any]:
    return {
        "id": one.id,
        "browser": browser(one.agent),
        "source": one.source or "this machine",
        "begun": _when(one.begun, house),
        "here": one.id == here.id,
    }


def _when(value: datetime, house: House) -> str:
    return value.astimezone(zone_of(house.current().timezone)).strftime("%-d %B %Y, %H:%M %Z")


def browser(agent: str) -> str:
    """What a browser is called by people: `Firefox on Linux`."""
    program = next((one for one in _BROWSERS if re.search(rf"\b{one}\b", agent)), "")
    system = next((one for one in _SYSTEMS if one in agent), "")
    names = [_CALLED.get(one, one) for one in (program, system) if one]
    return " on ".join(names) or "An unknown browser"
