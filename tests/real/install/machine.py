"""A machine that systemd runs, in a container, with this environment's daytwo on it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.base_image import rootfs_tarball
from tests.parts.docker import DockerEngine
from tests.parts.need import missing
from tests.parts.process import wait_until

ROOT = Path(__file__).resolve().parents[3]
DAYTWO = str(Path(sys.executable).with_name("daytwo"))
IMAGE = "daytwo-test-systemd:12"
LIBRARIES = ("ca-certificates", "libbz2-1.0", "libffi8", "liblzma5", "libsqlite3-0", "libssl3", "tzdata", "zlib1g")
"""What a Python that is not Debian's own needs."""
PACKAGES = (*LIBRARIES, "dbus", "logrotate", "procps", "systemd", "systemd-sysv")
KEPT = ("/etc/systemd", "/etc/logrotate.d", "/var/lib/systemd/timers", "/run/systemd/system")


@dataclass(frozen=True)
class Machine:
    """The machine.

    Args:
        engine: the Docker daemon.
        id: of the container.
    """

    engine: DockerEngine
    id: str

    def run(self, *argv: str, stdin: str | None = None, code: int | None = 0) -> str:
        """Run a command there; what it said, both streams."""
        done = self.engine.run("exec", "-i", self.id, *argv, stdin=stdin, check=False)
        said = done.stdout + done.stderr
        assert code is None or done.returncode == code, f"{' '.join(argv)} ended with {done.returncode}: {said}"
        return said.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file there."""
        self.run("sh", "-c", f'mkdir -p "$(dirname "{path}")" && cat > "{path}"', stdin=text)

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", f"--property={name}", "--value", unit)

    def until(self, what: Callable[[], bool], why: str, unit: str, seconds: float = 40) -> None:
        """Wait until something is true; the unit's journal is shown when it never is."""
        try:
            wait_until(what, what=why, seconds=seconds, every=0.2)
        except Exception as error:
            raise AssertionError(f"{error}\n{self.journal(unit)}") from None

    def journal(self, unit: str) -> str:
        """What was said by, and of, the units that begin so, in the end."""
        return self.run("journalctl", "--no-pager", "-n", "60", "-u", f"{unit}*")

    def traces(self) -> set[str]:
        """What units may leave behind, and the units that systemd knows of."""
        listed = self.run("find", *KEPT, code=None).splitlines()
        known = self.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "daytwo-*").splitlines()
        return {*listed, *known}

    def reboot(self) -> None:
        """Start the machine again; returns when it is up."""
        self.engine.run("restart", "--time", "60", self.id)
        self.wait()

    def wait(self) -> None:
        """Wait until it is up."""
        ready = ("running", "degraded")
        wait_until(lambda: self.run("systemctl", "is-system-running", code=None) in ready, what="systemd is up")
        # On a machine systemd does it; in a container not, and credentials are mounted where nobody sees them.
        self.run("mount", "--make-rshared", "/")


@contextmanager
def machine(engine: DockerEngine) -> Iterator[Machine]:
    """Start one; it is gone afterwards."""
    if Path(sys.base_prefix) in (Path("/usr"), Path("/usr/local")):
        missing(f"this Python ({sys.base_prefix}) cannot be lent to a container: make .venv with one of its own folder")
    if not engine.run("images", "--quiet", IMAGE).stdout:
        engine.run("import", rootfs_tarball(PACKAGES, "systemd"), IMAGE)
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    groups = (
        ["--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw"] if unified else
        ["--volume=/sys/fs/cgroup/systemd:/sys/fs/cgroup/systemd:rw", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:ro"]
    )  # fmt: skip
    lent = [f"--volume={path}:{path}:ro" for path in dict.fromkeys((str(ROOT), sys.prefix, sys.base_prefix))]
    options = ["--detach", "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE", "--security-opt=seccomp=unconfined", "--tmpfs=/run",
               "--tmpfs=/run/lock", "--env=container=docker", "--stop-signal=SIGRTMIN+3", *groups, *lent]  # fmt: skip
    id = engine.run("run", *options, IMAGE, "/sbin/init").stdout.strip()
    try:
        made = Machine(engine, id)
        made.wait()
        try:
            made.run(sys.executable, "-c", "import sqlite3, ssl, daytwo")
        except AssertionError as error:
            missing(f"this Python does not run in a container with Debian 12: {error}")
        # Below /root there may be what was lent, for everybody there.
        made.run("chmod", "755", "/root")
        yield made
    finally:
        engine.run("rm", "--force", "--volumes", id)


@dataclass(frozen=True)
class App:
    """An app on the machine.

    Args:
        machine: where.
        name: the app's.
    """

    machine: Machine
    name: str

    @property
    def folder(self) -> str:
        """Where its configuration is."""
        return f"/srv/{self.name}"

    @property
    def unit(self) -> str:
        """Its units' name."""
        return f"daytwo-{self.name}"

    @property
    def service(self) -> str:
        """Its daemon's unit."""
        return f"{self.unit}.service"

    def daytwo(self, *argv: str, code: int | None = 0) -> str:
        """Run a command of daytwo."""
        return self.machine.run(DAYTWO, *argv, "--config", f"{self.folder}/daytwo.yaml", code=code)

    def configure(self, extra: str = "", services: str = "", backup: str = "") -> None:
        """Write its configuration and some data."""
        self.machine.write(f"{self.folder}/uploads/a.txt", "hello")
        self.machine.write(
            f"{self.folder}/daytwo.yaml",
            f"app: {self.name}\ntimezone: UTC\n"
            f"services: {{uploads: {{kind: files, path: uploads}}{services}}}\n"
            "repositories: {local: {kind: archive, path: backups}}\n"
            f'backups: {{nightly: {{at: "0 3 * * *", floor: 1MB{backup}}}}}\n'
            f'serve: {{listen: "127.0.0.1:0", stop_within: 8s}}\n{extra}',
        )

    def install(self, *options: str) -> str:
        """Have systemd run it."""
        try:
            return self.daytwo("install", "systemd", *options)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.machine.journal(self.unit)}") from None

    def adjust(self, unit: str, text: str) -> None:
        """What `systemctl edit` does; to be called before `install`."""
        self.machine.write(f"/run/systemd/system/{unit}.d/test.conf", text)

    def pid(self) -> int:
        """The daemon's process."""
        return int(self.machine.show(self.service, "MainPID"))

    def active(self) -> bool:
        """Whether the daemon is ready."""
        return self.machine.show(self.service, "ActiveState") == "active"

    def answers(self) -> bool:
        """Whether the daemon is well."""
        return "is well" in self.daytwo("serve", "--check", code=None)

    def until(self, what: Callable[[], bool], why: str, seconds: float = 40) -> None:
        """Wait until something is true."""
        try:
            self.machine.until(what, why, self.unit, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.daytwo('runs', '--json', code=None)}") from None

    def archives(self) -> list[str]:
        """What is visible in its repository."""
        return self.machine.run("sh", "-c", f"ls {self.folder}/backups/*.tar.gz 2>/dev/null || true").split()

    def remove(self) -> None:
        """Uninstall it, and the adjustments."""
        self.daytwo("install", "systemd", "--remove")
        self.machine.run("sh", "-c", f"rm -rf /run/systemd/system/{self.unit}*.d && systemctl daemon-reload")


def timed(act: Callable[[], object]) -> float:
    """How many seconds something takes."""
    begun = time.monotonic()
    act()
    return time.monotonic() - begun
