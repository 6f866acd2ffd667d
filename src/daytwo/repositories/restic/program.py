"""Runs restic: its surroundings, its password, its end.

Every start costs restic a key derivation (half a second of processor time) and the load of its index: the callers
count their starts.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from daytwo.core.command import Command, command
from daytwo.core.errors import DaytwoError, IntegrityError, MissingToolError, RepositoryError
from daytwo.core.process import CHUNK, Completed, Process
from daytwo.core.run import Run
from daytwo.core.secrets import Secret, SecretRef, resolve
from daytwo.core.service import Place
from daytwo.core.target import LOCAL
from daytwo.repositories.restic.faults import damaged_file, explain
from daytwo.repositories.restic.settings import ResticSettings, local_folder, location

FLOOR = (0, 14)
"""The oldest restic that daytwo knows: Debian 12's."""
_LOOK = 0.2
_GRACE = 5.0
_EVERY_CODE = tuple(range(256))


@dataclass(frozen=True)
class Program:
    """restic with one repository.

    Args:
        name: the repository's name in the configuration.
        settings: its YAML block.
        place: what surrounds it.
    """

    name: str
    settings: ResticSettings
    place: Place

    @property
    def where(self) -> str:
        """What to name in messages."""
        return f"repository {self.name}"

    @cached_property
    def secrets(self) -> dict[str, Secret]:
        """Every secret restic needs, by environment variable; fetched at first use.

        Raises:
            SecretError: one cannot be had.
        """
        found = {"RESTIC_PASSWORD": self._resolve(self.settings.password, "password")}
        for variable, value in self.settings.env.items():
            if isinstance(value, SecretRef):
                found[variable] = self._resolve(value, f"env.{variable}")
        return found

    def _resolve(self, ref: SecretRef, setting: str) -> Secret:
        return resolve(ref, where=f"repositories.{self.name}.{setting}", base=self.place.folder)

    def command(self, *argv: str | Iterable[str]) -> Command:
        """A restic command. The repository and the password travel in the environment: a URL may hold a password.

        What the caller's own environment says of other repositories and passwords is blanked, as restic prefers it.
        """
        plain = {key: value for key, value in self.settings.env.items() if isinstance(value, str)}
        env = plain | {
            "RESTIC_REPOSITORY": location(self.settings, self.place),
            "RESTIC_REPOSITORY_FILE": "",
            "RESTIC_PASSWORD_FILE": "",
            "RESTIC_PASSWORD_COMMAND": "",
            "RESTIC_PROGRESS_FPS": "2",
        }
        return command(
            self.settings.binary,
            self.settings.options,
            *argv,
            env=env,
            secrets=self.secrets,
            where=self.where,
            ok=_EVERY_CODE,
        )

    @contextlib.contextmanager
    def running(
        self, run: Run, *argv: str | Iterable[str], stdin: bytes | Iterable[bytes] | None = None
    ) -> Iterator[Process]:
        """restic at work; leaving early ends it. Its end is judged by `judge`.

        Raises:
            MissingToolError: it is not installed.
            IntegrityError: it was ended because it kept asking for a stored file that is lost.
        """
        try:
            process = Process(LOCAL, self.command(*argv), run, stdin=stdin)
        except MissingToolError as error:
            raise MissingToolError(
                f"{self.settings.binary} is not installed",
                where=self.where,
                hint="Install restic 0.14 or newer, or set `binary` to its path",
            ) from error
        locks = argv[:2] == ("cat", "lock")
        times = 1 if locks or local_folder(self.settings, self.place) else 3
        with process, _Watch(process, times, locks=locks) as watch:
            try:
                yield process
            except DaytwoError:
                if watch.lost:
                    raise watch.error(self.where) from None
                raise

    def judge(self, process: Process, ok: tuple[int, ...] = (0,)) -> int:
        """Wait for the end.

        Returns:
            The exit code, one of `ok`.

        Raises:
            DaytwoError: what another one means.
        """
        code = process.finish()
        if code not in ok:
            raise explain(code, process.stderr(), self.name, location(self.settings, self.place))
        return code

    def capture(
        self,
        run: Run,
        *argv: str | Iterable[str],
        stdin: bytes | None = None,
        limit: float | None = None,
    ) -> Completed:
        """Run restic to its end and keep its output.

        Args:
            run: the run it belongs to.
            argv: its arguments.
            stdin: what it reads.
            limit: seconds after which it is ended, for a first contact.
        """
        expired = threading.Event()
        with self.running(run, *argv, stdin=stdin) as process, _limited(process, limit, expired):
            try:
                output = b"".join(process.chunks())
                code = self.judge(process)
            except DaytwoError:
                if expired.is_set():
                    raise self._no_answer(process, limit or 0) from None
                raise
            return Completed(code, output, process.stderr())

    def _no_answer(self, process: Process, limit: float) -> DaytwoError:
        last = process.stderr().strip().splitlines()
        return RepositoryError(
            f"no answer within {limit:g} s{': ' + last[-1] if last else ''}",
            where=self.where,
            hint="Check the network and that its server runs",
        )

    def stream(self, run: Run, *argv: str | Iterable[str]) -> Generator[bytes, None, None]:
        """restic's standard output in chunks; raises after the last one when it did not succeed."""
        with self.running(run, *argv) as process:
            try:
                yield from process.chunks()
            except GeneratorExit:
                interrupt(process)
                while process.stdout.read(CHUNK):
                    pass
                raise
            self.judge(process)


def interrupt(process: Process) -> None:
    """Have restic end and take its lock with it: 0.14 does so on SIGINT only. Killed when it does not hurry.

    Never for one that stores its standard input, which must end at once.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    timer = threading.Timer(_GRACE, process.kill)
    timer.daemon = True
    timer.start()


class _Watch:
    """Looks at restic's error output while it runs and ends it when it can only go on failing."""

    def __init__(self, process: Process, times: int, *, locks: bool) -> None:
        self._process = process
        self._times = times
        self._locks = locks
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.lost = ""

    def error(self, where: str) -> IntegrityError:
        """What it was ended for."""
        return IntegrityError(
            f"a stored file is damaged or missing: {self.lost}",
            where=where,
            hint="Restore from another snapshot or repository; look with `restic check`",
        )

    def _look(self) -> None:
        while not self._over.wait(_LOOK):
            if lost := damaged_file(self._process.stderr(), self._times, locks=self._locks):
                self.lost = lost
                interrupt(self._process)
                return

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()


@contextlib.contextmanager
def _limited(process: Process, limit: float | None, expired: threading.Event) -> Iterator[None]:
    """End the process after so many seconds."""

    def end() -> None:
        expired.set()
        interrupt(process)

    timer = threading.Timer(limit, end) if limit is not None else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer:
            timer.cancel()


def patiently(seconds: float, run: Run) -> Iterator[None]:
    """Turns of trying something that another process stands in the way of, until so many seconds have passed."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    wait = 0.25
    yield
    while (left := end - time.monotonic()) > 0:
        pause.wait(min(wait, left))
        run.check()
        wait = min(2 * wait, 5.0)
        yield
