"""Pages for people: plain HTML that works without JavaScript, rendered from the templates beside this module."""

import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from daytwo.web.identify import MUST_CHANGE
from daytwo.web.ui.words import sentence

if TYPE_CHECKING:
    from jinja2 import Environment

HOME = "/"
"""Where a login leads when nothing else was asked for."""
ACCOUNT = "/account"
_CSS, _SCRIPT, _IMAGE = "text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"
STATIC = {
    "daytwo.css": _CSS, "dashboard.css": _CSS, "dashboard.js": _SCRIPT, "charts.js": _SCRIPT, "uplot.js": _SCRIPT,
    "uplot.css": _CSS, "mark.svg": _IMAGE, "icons.svg": _IMAGE,
}  # fmt: skip
"""The files that pages share, by name, and what they are."""
_VENDOR = {"uplot.js": "vendor/uPlot.iife.min.js", "uplot.css": "vendor/uPlot.min.css"}
"""Where the files of others are: as released, with their licence beside them."""
THEMES = ("auto", "light", "dark")
_TITLES = {
    401: "Log in first", 403: "Not for you", 404: "Nothing here", 405: "Not like this", 413: "Too much",
    429: "Too fast", 500: "Something is broken", 503: "The state cannot be used",
}  # fmt: skip


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page.

    Args:
        request: what it answers.
        template: its name, without the ending.
        status: the HTTP status.
        values: what the template shows.
    """
    config = request.app.state.house.current()
    values = {"app": config.app, "environment": config.environment, "theme": theme(request), **values}
    text = _templates().get_template(f"{template}.html").render(values)
    # Not `no-referrer`: browsers would send `Origin: null` with forms, and nobody could tell whose they are.
    return HTMLResponse(text, status, {"referrer-policy": "same-origin", "cache-control": "no-store"})


def error_page(request: Request, status: int, what: str, hint: str) -> Response | None:
    """An error as a page, for a browser; None for programs, which get it in the envelope.

    Who is not known is sent to the login, and back afterwards.
    """
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return None
    if status == 401 and request.method == "GET":
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse("/login" if wanted == HOME else f"/login?next={quote(wanted, safe='/')}", 303)
    if what == MUST_CHANGE and request.method == "GET":
        return RedirectResponse(ACCOUNT, 303)
    title = _TITLES.get(status, "This did not work")
    return page(request, "error", status, title=title, what=what, hint=hint)


def theme(request: Request) -> str:
    """The colours that this browser was told to show: `light`, `dark`, or `auto` for those of its system."""
    wanted = request.cookies.get("theme", "")
    return wanted if wanted in THEMES else "auto"


def local_path(wanted: str | None) -> str:
    """Where to go after a login: a path of this daemon, never another site; `HOME` for anything else."""
    if not wanted or not wanted.startswith("/") or "\\" in wanted or not wanted.isprintable() or " " in wanted:
        return HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return HOME
    return HOME if wanted.startswith("//") or parts.scheme or parts.netloc else wanted


@cache
def static(name: str) -> bytes:
    """A file that all pages share; `name` is one of `STATIC`."""
    return (resources.files("daytwo.web") / "static" / _VENDOR.get(name, name)).read_bytes()


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("daytwo.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = address_of
    made.filters["coded"] = sentence
    return made


@cache
def address_of(name: str) -> str:
    """A file's address, with its content in it, so that browsers may keep it for ever."""
    return f"/static/{name}?{hashlib.sha256(static(name)).hexdigest()[:12]}"
