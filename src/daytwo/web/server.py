"""The part that answers: HTTP on an address, and on a Unix socket whose callers the kernel vouches for."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from daytwo.config.serving import Serve
from daytwo.core.errors import ConfigError, RefusedError
from daytwo.serve.client import SOCKET
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.web.protocol import Protocol

_BACKLOG = 512
_ROUND = 10.0
_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield


class Web(Part):
    """Answers requests.

    Args:
        pulse: where it shows that it goes round.
        app: what answers.
        settings: where to listen.
        folder: where the Unix socket is made.
        base: the folder that relative paths begin at.

    Raises:
        RefusedError: the address is taken, or beyond this machine without TLS.
        ConfigError: the TLS files cannot be used.
    """

    name = "web"
    limit = 60.0

    def __init__(self, pulse: Pulse, app: FastAPI, settings: Serve, folder: Path, base: Path) -> None:
        super().__init__(pulse)
        refuse_open(settings)
        self._app = app
        tls = context(settings, base)
        self.public = _tcp(settings.listen)
        self._path, self._world = folder / SOCKET, bool(settings.local)
        self._servers = [(_Server(self._config()), _unix(self._path, world=self._world))]
        config = self._config()
        if tls is not None:
            config.load()
            config.ssl = tls
        self._servers.append((_Server(config), self.public))

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._app, http=Protocol, ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=3, loop="asyncio",
        )  # fmt: skip

    @property
    def address(self) -> str:
        """Where it listens, with the port it was given when the settings say 0."""
        host, port = self.public.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def work(self) -> None:
        """Answer until stopped."""
        tasks = [asyncio.create_task(server.serve(sockets=[where])) for server, where in self._servers]
        try:
            while not self.stopping.is_set():
                trouble = ""
                if not self._path.is_socket():
                    try:
                        tasks.append(self._bind_again())
                    except RefusedError as error:
                        trouble = f"{self._path} was deleted: {error}; look at its folder"
                self.beat(trouble)
                await self.sleep(_ROUND)
                for task in tasks:
                    if task.done():
                        task.result()
                        raise RuntimeError("a listener has ended")
        finally:
            self._app.state.closing = True  # streams end by themselves, instead of being waited for
            for server, _ in self._servers:
                server.should_exit = True
            await asyncio.gather(*tasks, return_exceptions=True)
            self._path.unlink(missing_ok=True)

    def _bind_again(self) -> "asyncio.Task[None]":
        """Somebody deleted the socket's file, and nobody can call any more; who is on the line stays there."""
        made = _unix(self._path, world=self._world)
        _log.warning("%s was deleted and is made again", self._path)
        for old, where in self._servers:
            for listener in getattr(old, "servers", ()) if where.family == socket.AF_UNIX else ():
                listener.close()
        server = _Server(self._config())
        self._servers.append((server, made))
        return asyncio.create_task(server.serve(sockets=[made]))

    async def started(self) -> None:
        """Return when both listeners answer."""
        while not all(server.started for server, _ in self._servers) and not self.stopping.is_set():
            await asyncio.sleep(0.01)


def refuse_open(settings: Serve) -> None:
    """Listening beyond this machine needs TLS, or an explicit yes.

    Raises:
        RefusedError: it has neither.
    """
    host = settings.listen.rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    if host == "localhost" or settings.tls is not None or settings.public:
        return
    raise RefusedError(
        f"serve.listen {settings.listen} is reachable from elsewhere, and passwords would travel in the clear",
        hint="Add `tls: {cert, key}`, or listen on 127.0.0.1 behind a proxy; if it must be: `public: true`",
    )


def context(settings: Serve, base: Path) -> ssl.SSLContext | None:
    """TLS from the files of the settings; None without.

    Raises:
        ConfigError: they cannot be used.
    """
    if settings.tls is None:
        return None
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(base / settings.tls.cert, base / settings.tls.key)
    except (OSError, ssl.SSLError) as error:
        said = error.strerror or str(error)
        raise ConfigError(f"the TLS files cannot be used: {said}", where="serve.tls", hint="Check both paths") from None
    return made


def _tcp(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind | socket.SOCK_CLOEXEC)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        raise RefusedError(
            f"cannot listen on {listen}: {(error.strerror or str(error)).lower()}",
            hint="Is another program, or another daytwo, there? Choose with `serve: {listen: ...}`",
        ) from None
    return made


def _unix(path: Path, *, world: bool) -> socket.socket:
    """A socket file; it is there from the moment it can be used. The kernel takes 107 bytes of path, so a short way."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o711 if world else 0o700)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _answers(f"/proc/self/fd/{folder}/{path.name}"):
            made.close()
            raise RefusedError(
                f"another daemon answers at {path}",
                hint="Give each app a folder of its own: its socket, locks and state are in .daytwo beside its file",
            )
        path.unlink(missing_ok=True)
        old = os.umask(0o111 if world else 0o177)
        try:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.umask(old)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise RefusedError(f"cannot make the socket {path}: {(error.strerror or '').lower()}") from None
    finally:
        os.close(folder)
    return made


def _answers(path: str) -> bool:
    """Whether somebody listens at a socket's file, and not only left it behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as line:
        line.settimeout(1.0)
        try:
            line.connect(path)
        except (BlockingIOError, TimeoutError):  # more callers wait than it takes
            return True
        except OSError:
            return False
        return True
