"""The one door through which programs are run.

Every program gets a process group of its own, the tag of its run, a bounded memory of its error output with secrets
blanked, and an end: when the run is cancelled or its time is up, the whole group is ended.
"""

import contextlib
import fcntl
import itertools
import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from daytwo.core.command import TAG, Command
from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.explain import NOT_STARTED, explain, missing
from daytwo.core.run import Run
from daytwo.core.secrets import redact
from daytwo.core.target import Target

CHUNK = 1 << 20
"""Bytes moved at a time."""
_STDERR_KEPT = 64 * 1024
_GRACE = 5.0
_numbers = itertools.count(1)

# Ends tagged processes in a container or on a remote host. It carries another tag, so it cannot find itself.
_REAPER = r"""
found=""
for folder in /proc/[0-9]*; do
  if tr '\0' '\n' 2>/dev/null <"$folder/environ" | grep -q "^$1=$2"; then found="$found ${folder#/proc/}"; fi
done
[ -n "$found" ] || exit 0
kill -TERM $found 2>/dev/null
tries=0
while [ $tries -lt 25 ] && kill -0 $found 2>/dev/null; do tries=$((tries + 1)); sleep 0.2; done
kill -KILL $found 2>/dev/null
echo $found
"""

_SWEEPER = r"""
for entry in "${TMPDIR:-/tmp}/daytwo-$1"*; do
  [ -e "$entry" ] && rm -rf "$entry" && echo removed
done
"""


@dataclass(frozen=True)
class Completed:
    """What a finished program left."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output as text, without the final newline."""
        return self.stdout.decode("utf-8", "replace").rstrip("\n")


class Process:
    """A running program. Use as a context manager: leaving it early ends the program, inside a container too.

    Args:
        target: where to run it.
        inner: what to run there.
        run: the run it belongs to.
        stdin: bytes or chunks to feed, or None for an empty standard input; an exception raised by the chunks ends
            the program before its standard input is closed, so that it cannot take half the input for all of it.
        keep_stdin: leave standard input open for the caller (`write`).
    """

    def __init__(
        self,
        target: Target,
        inner: Command,
        run: Run,
        *,
        stdin: bytes | Iterable[bytes] | None = None,
        keep_stdin: bool = False,
    ) -> None:
        run.check()
        self._target = target
        self._inner = inner.tagged(f"{run.id}.{next(_numbers)}.")
        self.command = command = target.wrap(self._inner)
        self._run = run
        self._ended_well = False
        self._feed_error: BaseException | None = None
        self._tail = bytearray()
        fed = stdin is not None or command.preamble or keep_stdin
        env = dict(os.environ) | dict(command.env)
        env |= {name: secret.reveal() for name, secret in command.secrets.items()}
        if command.tag:
            env[TAG] = command.tag
        try:
            self._popen = subprocess.Popen(
                command.argv,
                env=env,
                start_new_session=True,
                bufsize=0,
                stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except FileNotFoundError:
            raise missing(command.argv[0], command.where) from None
        except PermissionError:
            raise CommandError(f"{command.argv[0]} may not be run: permission denied", where=command.where) from None
        run.adopt(self)
        self._deadline: threading.Timer | None = None
        if (remaining := run.remaining()) is not None:
            self._deadline = threading.Timer(remaining + 0.05, self._overdue)
            self._deadline.daemon = True
            self._deadline.start()
        _widen(self._popen.stdout)
        self._threads = [threading.Thread(target=self._drain, daemon=True)]
        if command.preamble and self._popen.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._popen.stdin.write(b"".join(secret.reveal().encode() + b"\n" for secret in command.preamble))
        if not keep_stdin and fed:
            chunks = [stdin] if isinstance(stdin, bytes) else (stdin or [])
            self._threads.append(threading.Thread(target=self._feed, args=(chunks,), daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def stdout(self) -> IO[bytes]:
        """The program's standard output."""
        assert self._popen.stdout is not None
        return self._popen.stdout

    @property
    def pid(self) -> int:
        """The program's process id, which is also its group's."""
        return self._popen.pid

    def write(self, data: bytes) -> None:
        """Write to a standard input that was kept open.

        Raises:
            CommandError: the program has ended.
        """
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(data)
        except BrokenPipeError:
            raise self.error(self._popen.wait()) from None

    def chunks(self) -> Iterator[bytes]:
        """Standard output in chunks; raises after the last one when the program did not succeed."""
        while data := self.stdout.read(CHUNK):
            self._run.check()
            yield data
        self.finish()

    def finish(self, said: bytes = b"") -> int:
        """Wait for the end and judge it.

        Args:
            said: its standard output, if that was kept: there Docker 20.10 says why it could not start a program.

        Returns:
            The exit code, one of the command's `ok`.

        Raises:
            CommandError, MissingToolError, UnreachableError: it did not succeed.
        """
        code = self._wait()
        self._run.check()
        if self._feed_error is not None:
            raise self._feed_error
        self._ended_well = code >= 0
        if code not in self.command.ok:
            raise self.error(code, said)
        return code

    def stderr(self) -> str:
        """The last 64 KiB of error output, secrets blanked."""
        return redact(bytes(self._tail).decode("utf-8", "replace"))

    def error(self, code: int, said: bytes = b"") -> DaytwoError:
        """The error that this exit code and error output mean; `said` is its standard output, if that was kept."""
        words = self.stderr()
        if code in NOT_STARTED and not words.strip():
            words = redact(said[:_STDERR_KEPT].decode("utf-8", "replace"))
        return explain(self.command, self._inner.name or self._inner.argv[0], code, words)

    def close_stdin(self) -> None:
        """End a standard input that was kept open."""
        if self._popen.stdin:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()

    def stop(self) -> None:
        """End the whole process group: ask, then, after five seconds, insist."""
        if self._popen.poll() is not None:
            return
        _signal_group(self._popen.pid, signal.SIGTERM)
        timer = threading.Timer(_GRACE, _signal_group, (self._popen.pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()
        threading.Thread(target=self._settle, args=(timer,), daemon=True).start()

    def _settle(self, timer: threading.Timer) -> None:
        self._popen.wait()
        timer.cancel()

    def kill(self) -> None:
        """End the whole process group at once."""
        if self._popen.poll() is None:
            _signal_group(self._popen.pid, signal.SIGKILL)

    def _wait(self) -> int:
        code = self._popen.wait()
        if self._deadline:
            self._deadline.cancel()
        for thread in self._threads:
            thread.join(_GRACE)
        self._run.release(self)
        return code

    def _overdue(self) -> None:
        with contextlib.suppress(DaytwoError):
            self._run.check()

    def _drain(self) -> None:
        assert self._popen.stderr is not None
        while data := self._popen.stderr.read(CHUNK):
            self._tail += data
            del self._tail[:-_STDERR_KEPT]

    def _feed(self, chunks: Iterable[bytes]) -> None:
        assert self._popen.stdin is not None
        try:
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    view = view[self._popen.stdin.write(view) :]
            self._popen.stdin.close()
        except BrokenPipeError:
            pass
        except BaseException as error:
            self._feed_error = error
            self.kill()
        finally:
            close = getattr(chunks, "close", None)
            if close:
                close()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._popen.poll() is None:
            self.kill()
        self._wait()
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        if not self._ended_well and not self._target.is_local:
            reap(self._target, self._inner.tag)


def capture(target: Target, inner: Command, run: Run, *, stdin: bytes | Iterable[bytes] | None = None) -> Completed:
    """Run a program to its end and keep its (small) output.

    Raises:
        CommandError, MissingToolError, UnreachableError: it did not succeed.
    """
    with Process(target, inner, run, stdin=stdin) as process:
        parts = []
        while data := process.stdout.read(CHUNK):
            parts.append(data)
        stdout = b"".join(parts)
        code = process.finish(stdout)
        return Completed(code, stdout, process.stderr())


def reap(target: Target, dead: str) -> int:
    """End every process whose tag begins so, on a host or in a container.

    Args:
        target: where to look.
        dead: the id of a run (all its processes) or the tag of one process.

    Returns:
        How many processes there were; zero where the place cannot be reached.
    """
    if target.is_local:
        return _reap_local(f"{TAG}={dead}".encode())
    cleaner = Run("reaper", Path(), timeout=30)
    with contextlib.suppress(DaytwoError):
        command = Command(("sh", "-c", _REAPER, "sh", TAG, dead))
        return len(capture(target, command, cleaner).text.split())
    return 0


def sweep_temporary(target: Target, dead_run: str) -> int:
    """Remove a dead run's temporary files (`daytwo-RUN...` in the temporary folder) on a host or in a container.

    On this machine they are in the run's work folder, which goes as a whole.

    Args:
        target: where to look.
        dead_run: the run's id.

    Returns:
        How many there were; zero where the place cannot be reached.
    """
    if target.is_local:
        return 0
    cleaner = Run("reaper", Path(), timeout=30)
    with contextlib.suppress(DaytwoError):
        return len(capture(target, Command(("sh", "-c", _SWEEPER, "sh", dead_run[:8])), cleaner).text.split())
    return 0


def _reap_local(mark: bytes) -> int:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(line.startswith(mark) for line in (entry / "environ").read_bytes().split(b"\0")):
                found.append(int(entry.name))
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold a whole chunk: fewer wake-ups for producer and consumer (Linux; elsewhere nothing happens)."""
    if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, CHUNK)
