"""Stand-ins between daytwo and a real engine: a socket that can be cut, and programs called `docker`."""

import contextlib
import shutil
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path


class CutSocket:
    """A stand-in for the engine's socket: passes everything on to it, until it is cut.

    Args:
        path: where it listens.
        engine: the real socket.
    """

    def __init__(self, path: Path, engine: Path) -> None:
        self.path = path
        self._engine = engine
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def join(self) -> None:
        """Listen from now on."""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Be gone, as an engine that is stopped: every connection ends, and nobody listens."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.path.unlink(missing_ok=True)
        with self._lock:
            open_ones, self._open = self._open, set()
        for one in open_ones:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(str(self._engine))
            with self._lock:
                self._open |= {client, engine}
            for one, other in ((client, engine), (engine, client)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)
        with self._lock:
            self._open.discard(one)
        one.close()


@contextlib.contextmanager
def cut_socket(folder: Path, engine: Path) -> Iterator[CutSocket]:
    """A socket in front of the engine's, joined to it."""
    standin = CutSocket(folder / "engine.sock", engine)
    standin.join()
    try:
        yield standin
    finally:
        standin.cut()


def docker_that_counts(folder: Path) -> Path:
    """A stand-in called `docker` that writes its first arguments into a file, and is the real one then.

    Returns:
        The file.
    """
    real, log = shutil.which("docker"), folder / "calls"
    log.touch()
    _program(folder, f'#!/bin/sh\necho "$1" >>{log}\nexec {real} "$@"\n')
    return log


def docker_that_hangs(folder: Path) -> None:
    """A stand-in called `docker` that never says a word and does not end when it is asked to."""
    _program(folder, "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n")


def docker_that_raves(folder: Path) -> None:
    """A stand-in called `docker` that says nonsense, at length, and that it succeeded."""
    _program(folder, "#!/bin/sh\necho '{\"x\": 1}'\nhead -c 3000000 /dev/urandom\nexit 0\n")


def _program(folder: Path, text: str) -> None:
    path = folder / "docker"
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
