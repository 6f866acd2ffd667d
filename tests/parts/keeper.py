"""Runs one server for a test and leaves nothing behind, whatever happens to the test process.

Started as a program of its own by `tests.parts.process`; standard library only. It owns a temporary folder and the
program running in it. It ends when its standard input closes, when its owner's process ends (even by `kill -9`), or on
SIGTERM; then it stops the program, kills every process that came from it, and removes the folder. Being a "child
subreaper", it also catches what a server has daemonised, which killing a process group would miss.

It speaks JSON, one object a line. First line in: `{"folder", "owner", "detached", "after"}`. Then any number of
`{"start": {...}}` and `{"stop": {...}}`. Out: `{"ready": pid}`, `{"started": pid}`, `{"exited": code}`,
`{"stopped": true}`.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWNS = 0x00020000
MS_REC, MS_SLAVE = 0x4000, 1 << 19
LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _private_mounts(hide: list[str]) -> None:
    """Give this process mounts of its own, which vanish with it, and an empty folder in place of each of `hide`."""
    _checked(LIBC.unshare(CLONE_NEWNS))
    _checked(LIBC.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None))
    for folder in hide:
        _checked(LIBC.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"mode=755"))


def _descendants() -> list[int]:
    """Every process that descends from this one, zombies left out."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            with open(f"/proc/{name}/stat") as file:  # noqa: PTH123
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(name))
    found: list[int] = []
    to_visit = [os.getpid()]
    while to_visit:
        to_visit = [child for parent in to_visit for child in children.get(parent, [])]
        found += to_visit
    return found


class Keeper:
    """One folder and at most one running program."""

    def __init__(self, folder: str, owner: int, detached: bool, after: list[list[str]]) -> None:
        self.folder, self.after = folder, after
        self.child: int | None = None
        self.stopping: dict[str, Any] = {}
        self.done = False
        self.input = b""
        self.wake, write = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        _checked(LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
        self.poll = select.poll()
        self.poll.register(self.wake, select.POLLIN)
        self.detached = detached
        self.poll.register(0, select.POLLIN)
        try:
            self.owner = os.pidfd_open(owner)
            self.poll.register(self.owner, select.POLLIN)
        except ProcessLookupError:
            self.done = True

    def say(self, message: dict[str, Any]) -> None:
        """Tell the owner; it may be gone."""
        with contextlib.suppress(OSError):
            os.write(1, json.dumps(message).encode() + b"\n")

    def turn(self, milliseconds: float | None = None) -> None:
        """Wait for the next event and take it in."""
        for fd, _ in self.poll.poll(milliseconds):
            if fd == self.wake:
                with contextlib.suppress(BlockingIOError):
                    self.done |= signal.SIGTERM in os.read(self.wake, 4096)
            elif fd == 0:
                data = os.read(0, 65536)
                self.input += data
                if not data:
                    self.poll.unregister(0)
                    self.done |= not self.detached
            else:
                self.poll.unregister(fd)
                self.done = True
        self.reap()

    def reap(self) -> None:
        """Collect ended processes, the adopted ones too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.child:
                self.child = None
                self.say({"exited": os.waitstatus_to_exitcode(status)})

    def start(self, spec: dict[str, Any]) -> None:
        """Run the program `spec["argv"]`; its output goes to `spec["log"]`."""
        self.stopping = spec
        hide = spec["hide"]
        for folder in hide:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103

        def prepare() -> None:
            LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if spec["private_mounts"]:
                _private_mounts(hide)

        user: dict[str, Any] = {}
        if spec["user"] is not None:
            user = {"user": spec["user"][0], "group": spec["user"][1], "extra_groups": []}
        with open(spec["log"], "ab") as log:  # noqa: PTH123
            child = subprocess.Popen(
                spec["argv"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=spec["cwd"],
                env=spec["env"],
                preexec_fn=prepare,  # noqa: PLW1509 - there are no threads here
                start_new_session=True,
                **user,
            )
        child.returncode = 0  # reap() waits for it, not Popen
        self.child = child.pid
        self.say({"started": child.pid})

    def stop(self, number: int | None = None) -> None:
        """End the program politely, then everything that came from it by force."""
        if self.child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, number or self.stopping["stop_signal"])
            deadline = time.monotonic() + self.stopping["stop_seconds"]
            while self.child is not None and (left := deadline - time.monotonic()) > 0:
                self.turn(left * 1000)
        deadline = time.monotonic() + 20
        while (alive := _descendants()) and time.monotonic() < deadline:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.turn(20)
        self.reap()

    def serve(self) -> None:
        """Until told to end."""
        while not self.done:
            self.turn()
            while not self.done and b"\n" in self.input:
                line, _, self.input = self.input.partition(b"\n")
                message = json.loads(line)
                if "start" in message:
                    self.start(message["start"])
                elif "stop" in message:
                    self.stop(message["stop"]["signal"])
                    self.say({"stopped": True})

    def clean(self) -> None:
        """Stop, and remove every trace."""
        self.stop()
        for argv in self.after:
            subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)


def _first_line() -> dict[str, Any]:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(1)
        line += byte
    message: dict[str, Any] = json.loads(line)
    return message


if __name__ == "__main__":
    first = _first_line()
    if first["detached"] and os.fork() != 0:
        os._exit(0)  # the one who started it need not wait for it
    keeper = Keeper(**first)
    keeper.say({"ready": os.getpid()})
    try:
        keeper.serve()
    finally:
        keeper.clean()
