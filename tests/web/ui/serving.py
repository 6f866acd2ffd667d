"""An application over HTTP, by the server that the daemon has."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn

from daytwo.web.protocol import Protocol
from tests.web.conftest import World


@contextlib.contextmanager
def answering(world: World) -> Iterator[str]:
    """The application at a free port, until the end."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as where:
        config = uvicorn.Config(
            world.app, http=Protocol, log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [where]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{where.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
