"""The ASGI application: all routes, with what stands before them."""

from importlib.metadata import version

from fastapi import FastAPI

from daytwo.web.envelope import install_handlers
from daytwo.web.guards import Guards
from daytwo.web.house import House
from daytwo.web.routes import AREAS

_ABOUT = """Day-2 operations of one app. Answers are `{"data": ...}`; errors are
`{"error": {"code", "message", "hint"}}`. Give a token as `Authorization: Bearer TOKEN`."""


def create(house: House) -> FastAPI:
    """Make the application.

    Args:
        house: what its routes work with.
    """
    app = FastAPI(
        title="daytwo",
        version=version("daytwo"),
        description=_ABOUT,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page runs scripts from elsewhere; ours is in `routes.entrance`
        redoc_url=None,
        redirect_slashes=False,  # whoever follows no redirect would believe that its report was taken
        # `include_router` would make each of them a second time when the first request comes: 0.2 s.
        routes=[route for area in AREAS for route in area.router.routes],
    )
    app.state.house = house
    install_handlers(app)
    config = house.current()
    settings, own = config.serve, config.own_name
    secure = settings.tls is not None or str(settings.url or "").startswith("https://")
    app.add_middleware(Guards, secure=secure, own=own)
    return app
