"""What keeps open pages true: a stream that tells when something has changed; and the choice of colours."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.errors import ThrottledError, UsageError
from daytwo.web.caller import is_secure
from daytwo.web.house import Here
from daytwo.web.identify import form
from daytwo.web.pages import THEMES, local_path
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import stamper, to
from daytwo.web.ui.stamps import Stamper

area = made()
_ROUND = 1.0
_QUIET = 15.0
"""Seconds after which a page is told that the line still stands."""
_LONGEST = 600.0
"""Seconds of a stream; a browser that comes again shows its session again."""
_MOST = 200
"""Streams at once; half of what the server takes, so that pages and programs still get in. Pages of others ask anew
every few seconds instead."""
_AGAIN = 5
"""Seconds after which a page may try again."""
_YEAR = 31536000


@area.get("/live", Role.VIEWER, include_in_schema=False)
async def live(request: Request) -> StreamingResponse:
    """Tell a page whenever something has changed: the stamps of all topics, as server-sent events."""
    if "text/event-stream" not in request.headers.get("accept", ""):
        raise UsageError("this is a stream of events", hint="Ask with `Accept: text/event-stream`")
    state = request.app.state
    lines: set[object] = getattr(state, "lines", set())
    state.lines = lines
    if len(lines) >= _MOST:
        raise ThrottledError(f"{_MOST} pages are watched already", retry_after=_AGAIN)
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    events = _events(stamper(request), lines, lambda: getattr(state, "closing", False))
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(stamps: Stamper, lines: set[object], closing: Callable[[], bool]) -> AsyncIterator[str]:
    line = object()
    lines.add(line)
    try:
        async for text in _told(stamps, closing):
            yield text
    finally:
        lines.discard(line)


async def _told(stamps: Stamper, closing: Callable[[], bool]) -> AsyncIterator[str]:
    begun = said = time.monotonic()
    before: object = None
    yield "retry: 2000\n\n"
    while not closing() and time.monotonic() - begun < _LONGEST:
        now = await stamps.look()
        if now != before:
            before, said = now, time.monotonic()
            yield f"event: stamps\ndata: {json.dumps(dict(now))}\n\n"
        elif time.monotonic() - said >= _QUIET:
            said = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(_ROUND)


@area.post("/theme", Role.VIEWER, include_in_schema=False)
async def choose_theme(request: Request, house: Here) -> Response:
    """Choose the colours of the pages; kept in a cookie of this browser."""
    given = await form(request)
    answer = to(local_path(given.get("back")))
    if given.get("theme") in THEMES:
        answer.set_cookie(
            "theme", given["theme"], max_age=_YEAR, path="/", samesite="lax", httponly=True,
            secure=is_secure(request, house.current().serve),
        )  # fmt: skip
    return answer
