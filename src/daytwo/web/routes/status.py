"""The status page: public at `/status`, and `/api/status` for those who write on it."""

from typing import Annotated, Any

from fastapi import Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from daytwo.access.roles import Role
from daytwo.core.errors import DaytwoError, NotFoundError, ThrottledError
from daytwo.respond.status_page.model import StatusView
from daytwo.respond.status_page.orders import NewSubscriber, NewUpdate, PersonData, SubscriberData, UpdateData
from daytwo.respond.status_page.render import FEED, HTML, JSON, note, policy
from daytwo.respond.status_page.site import page_url
from daytwo.respond.status_page.view import page_title
from daytwo.web.caller import address
from daytwo.web.envelope import Data, Failure, Page, status_of
from daytwo.web.house import Here, House
from daytwo.web.identify import form
from daytwo.web.routing import Area, Limit, Who

area = Area("status", "/api/status")
public = Area("status", "/status")
_MOST = 2**31 - 1
Number = Annotated[int, Path(ge=1, le=_MOST, description="its number")]
Before = Annotated[int | None, Query(ge=1, le=_MOST, description="`next` of the page before")]
_KINDS = {
    HTML: "text/html; charset=utf-8", FEED: "application/atom+xml; charset=utf-8", JSON: "application/json"
}  # fmt: skip
_NONE: dict[int | str, dict[str, Any]] = {
    404: {"model": Failure, "description": "There is no status page, or nobody is told by mail."}
}
_ASKED = "If this address can get mail, a letter is on its way to it"
_OPEN = "Open the link in it within 48 hours. Whoever is subscribed already gets no letter."
_LEFT = "This address gets no more mail from here"


# For everybody


@public.get("", None, include_in_schema=False)
def page(request: Request, house: Here) -> Response:
    """The status page."""
    return _served(request, house, HTML)


@public.get(f"/{FEED}", None, include_in_schema=False)
def feed(request: Request, house: Here) -> Response:
    """Its updates as an Atom feed."""
    return _served(request, house, FEED)


@public.get(f"/{JSON}", None, include_in_schema=False)
def as_json(request: Request, house: Here) -> Response:
    """The same for programs."""
    return _served(request, house, JSON)


@public.post("/subscribe", None, include_in_schema=False)
async def subscribe(request: Request, house: Here) -> Response:
    """Ask to be told by mail; the answer is the same whether the address is known or not."""
    _there(house)
    given = (await form(request)).get("address", "")
    source = address(request, house.current().serve)
    now = house.clock()
    try:
        await run_in_threadpool(
            house.writer.run, lambda connection: house.subscribers.ask(connection, given, source, now)
        )
    except DaytwoError as error:
        return _refused(house, error)
    return _note(house, _ASKED, _OPEN)


@public.get("/confirm/{secret}", None, include_in_schema=False)
def confirm_page(secret: str, house: Here) -> Response:
    """What the link in the letter leads to; looking does not use it up, as mail programs look at links too."""
    return _asked(house, secret, "confirm", "Be told of disturbances by mail?", "Yes, subscribe")


@public.post("/confirm/{secret}", None, include_in_schema=False)
def confirm(secret: str, house: Here) -> Response:
    """Confirm a subscription; the link is used up."""
    _there(house)
    now = house.clock()
    try:
        house.writer.run(lambda connection: house.subscribers.confirm(connection, secret, now))
    except DaytwoError as error:
        return _refused(house, error)
    return _note(house, "You are told of disturbances from now on", "Each mail has a link with which to end that.")


@public.get("/unsubscribe/{secret}", None, include_in_schema=False)
def unsubscribe_page(secret: str, house: Here) -> Response:
    """What the link in each mail leads to; looking changes nothing, as mail programs look at links too."""
    _there(house)
    now = house.clock()
    with house.database.read() as connection:
        there = house.subscribers.look(connection, secret, "unsubscribe", now)
    return _note(house, "Get no more mail?", button="Unsubscribe") if there else _note(house, _LEFT)


@public.post("/unsubscribe/{secret}", None, include_in_schema=False)
def unsubscribe(secret: str, house: Here) -> Response:
    """Get no more mail: one click, also by mail programs (RFC 8058)."""
    _there(house)
    now = house.clock()
    house.writer.run(lambda connection: house.subscribers.leave(connection, secret, now))
    return _note(house, _LEFT)


# For those who write on it


@area.get("", Role.VIEWER, responses=_NONE)
def show(house: Here) -> Data[StatusView]:
    """What the status page shows now."""
    _there(house)
    return Data(data=house.status_site.now(anew=True).view)


@area.get("/updates", Role.VIEWER)
def list_updates(house: Here, limit: Limit = 50, after: Before = None) -> Page[UpdateData]:
    """What users were told, the newest first; also what was withdrawn."""
    with house.database.read() as connection:
        found = house.status_desk.latest(connection, limit, after)
    return Page(data=found, next=str(found[-1].number) if len(found) == limit else None)


@area.post("/updates", Role.OPERATOR, status_code=201, responses=_NONE)
def tell(body: NewUpdate, who: Who, house: Here) -> Data[UpdateData]:
    """Tell users how things stand: on the page at once, and by mail to subscribers."""
    _there(house)
    now = house.clock()
    return Data(data=house.writer.run(lambda connection: house.status_desk.tell(connection, body, who, now)))


@area.post("/updates/{number}/withdraw", Role.OPERATOR)
def withdraw(number: Number, who: Who, house: Here) -> Data[UpdateData]:
    """Take an update back: that it was there stays visible, its text does not."""
    now = house.clock()
    return Data(data=house.writer.run(lambda connection: house.status_desk.withdraw(connection, number, who, now)))


@area.get("/subscribers", Role.ADMIN)
def list_subscribers(house: Here, limit: Limit = 50, after: Before = None) -> Page[SubscriberData]:
    """Who is told by mail, in the order in which they came."""
    with house.database.read() as connection:
        found = house.subscribers.all(connection, limit, after or 0)
    return Page(data=found, next=str(found[-1].number) if len(found) == limit else None)


@area.post("/subscribers", Role.ADMIN, status_code=201, responses=_NONE)
def add_subscriber(body: NewSubscriber, who: Who, house: Here) -> Data[SubscriberData]:
    """Add somebody who has agreed elsewhere."""
    now = house.clock()
    return Data(data=house.writer.run(lambda connection: house.subscribers.add(connection, body.address, who, now)))


@area.get("/subscribers/{number}", Role.ADMIN)
def show_subscriber(number: Number, house: Here) -> Data[PersonData]:
    """All that is stored of a subscriber."""
    with house.database.read() as connection:
        return Data(data=house.subscribers.person(connection, number))


@area.delete("/subscribers/{number}", Role.ADMIN, status_code=204)
def remove_subscriber(number: Number, who: Who, house: Here) -> None:
    """Remove a subscriber, and all that is stored of them."""
    house.writer.run(lambda connection: house.subscribers.remove(connection, number, who))


def _there(house: House) -> None:
    if house.current().status_page is None:
        raise NotFoundError("there is no status page", hint="Set `status_page:` in the configuration")


def _served(request: Request, house: House, name: str) -> Response:
    _there(house)
    shot = house.status_site.now()
    tag = f'"{shot.tag}"'
    headers = {"cache-control": "public, max-age=5", "content-security-policy": policy()}
    if name == JSON:
        headers["access-control-allow-origin"] = "*"  # public, and without cookies: for badges on other sites
    else:
        headers["etag"] = tag  # of JSON the guards make one
        wanted = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
        if tag in wanted:
            return Response(status_code=304, headers=headers)
    return Response(shot.served[name], headers=headers, media_type=_KINDS[name])


def _asked(house: House, secret: str, purpose: str, what: str, button: str) -> Response:
    _there(house)
    now = house.clock()
    with house.database.read() as connection:
        there = house.subscribers.look(connection, secret, purpose, now)
    if not there:
        return _note(house, "This link leads nowhere any more", "Each works once, for 48 hours. Subscribe again.", 404)
    return _note(house, what, button=button)


def _refused(house: House, error: DaytwoError) -> Response:
    what = error.what[:1].upper() + error.what[1:]
    answer = _note(house, what, error.hint, status_of(error))
    if isinstance(error, ThrottledError):
        answer.headers["retry-after"] = str(error.retry_after)
    return answer


def _note(house: House, what: str, hint: str = "", status: int = 200, *, button: str = "") -> Response:
    config = house.current()
    text = note(page_title(config), what, hint, button, page_url(config))
    # The address of the page is a secret: nobody who is linked to is told of it.
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer", "content-security-policy": policy()}
    return HTMLResponse(text, status, headers)
