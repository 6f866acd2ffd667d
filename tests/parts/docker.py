"""Docker: a private daemon, one for the whole test session, with Compose v2 and a base image.

The first test that needs it starts it, under a file lock; the others, in other xdist workers too, share it. Its keeper
watches the process that runs the session (with xdist the controller, not a worker), so it ends with the session
however that ends. It touches nothing of a Docker daemon that the machine may have: its files, containerd, bridge,
control groups and mounts are its own, and it leaves the firewall alone (published ports work through Docker's
user-land proxy; containers reach each other and the host, not the internet).
"""

import contextlib
import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.parts.base_image import NAME, rootfs_tarball
from tests.parts.docker_sweep import forward_rule
from tests.parts.need import missing, require, require_package, require_root
from tests.parts.process import Kept, NotReady, PartDied, Program, run_text

HIDDEN = ("/etc/docker", "/run/docker", "/run/containerd")
"""Fixed folders of the machine's own daemon; the private one sees empty ones in their place."""

Completed = subprocess.CompletedProcess[str]


class DockerFailed(RuntimeError):
    """A docker command ended with an error."""


@dataclass(frozen=True)
class DockerEngine:
    """The daemon. `env` is what `docker` and `docker compose` need in their environment to reach it."""

    binary: Path
    socket: Path
    base_image: str
    env: Mapping[str, str]

    def run(
        self,
        *args: str | Path,
        stdin: str | None = None,
        check: bool = True,
        seconds: float = 300,
        cwd: Path | None = None,
    ) -> Completed:
        """Run `docker ARGS`; its `stdout` and `stderr` are text. `check` raises `DockerFailed` on an error."""
        environment = {name: value for name, value in os.environ.items() if name != "DOCKER_CONTEXT"} | dict(self.env)
        argv = [str(self.binary), *map(str, args)]
        done = run_text(argv, env=environment, stdin=stdin, seconds=seconds, cwd=cwd)
        if check and done.returncode != 0:
            raise DockerFailed(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def compose(
        self,
        project_dir: Path,
        *args: str | Path,
        stdin: str | None = None,
        check: bool = True,
        seconds: float = 300,
    ) -> Completed:
        """Run `docker compose ARGS` in a project's folder.

        Compose names a project after its folder, and workers share the daemon: give the folder a name of its own, or
        pass `--project-name`.
        """
        return self.run("compose", *args, stdin=stdin, check=check, seconds=seconds, cwd=project_dir)

    @contextlib.contextmanager
    def container(
        self,
        *options: str,
        command: Sequence[str] = ("sleep", "infinity"),
        image: str | None = None,
    ) -> Iterator[str]:
        """A running container, removed afterwards with its volumes; yields its id. `options` are of `docker run`."""
        id = self.run("run", "--detach", "--init", *options, image or self.base_image, *command).stdout.strip()
        try:
            yield id
        finally:
            self.run("rm", "--force", "--volumes", id)

    def port(self, container: str, inside: int) -> int:
        """The port on the host where a container's TCP port is published."""
        return int(self.run("port", container, f"{inside}/tcp").stdout.splitlines()[0].rpartition(":")[2])


def session_folder() -> Path:
    """A name for a session's folder, not created yet: on a disk (images are large), and short (it holds sockets)."""
    return Path("/var/tmp") / f"daytwo-{secrets.token_hex(4)}"


def bridge_name(session: Path) -> str:
    """The network interface of the daemon's default network; at most 15 characters."""
    return session.name.replace("daytwo-", "daytwo")[:15]


def shared_engine(session: Path, owner: int) -> DockerEngine:
    """The session's daemon, started if it is not there yet.

    Args:
        session: the session's folder (see `session_folder`), the same for all workers.
        owner: the process whose end ends the daemon.
    """
    require_root("a private Docker daemon")
    tools = {name: require(name, package="docker.io") for name in ("dockerd", "docker")}
    require("iptables")
    require("ip", package="iproute2")
    compose = require_package("compose") / "docker-compose"
    tarball = rootfs_tarball()
    session.mkdir(mode=0o700, exist_ok=True)
    config, socket, state = session / "config", session / "docker.sock", session / "state.json"
    settings = {
        "DOCKER_HOST": f"unix://{socket}",
        "DOCKER_CONFIG": str(config),
        "DOCKER_BUILDKIT": "0",  # the builder of BuildKit is a plug-in that Debian does not have
        "COMPOSE_BAKE": "false",
    }
    engine = DockerEngine(tools["docker"], socket, NAME, settings)
    with (session / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not state.exists():
            # Whoever dies on the way leaves this behind, so that the next one does not start a second daemon here.
            state.write_text(json.dumps({"error": "the worker that was starting the private Docker daemon died"}))
            plugins = config / "cli-plugins"
            plugins.mkdir(parents=True)
            (plugins / "docker-compose").symlink_to(compose)
            try:
                _start(engine, tools["dockerd"], session, owner)
                engine.run("import", "--change", 'CMD ["bash"]', tarball, NAME)
                state.write_text(json.dumps({"error": None}))
            except (PartDied, NotReady, DockerFailed, subprocess.CalledProcessError) as error:
                state.write_text(json.dumps({"error": f"a private Docker daemon cannot be started here: {error}"}))
        if reason := json.loads(state.read_text())["error"]:
            missing(reason)
    return engine


def end_session(session: Path) -> None:
    """End the session's daemon, if one was started, and wait until nothing is left of it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pid = int((session / "keeper.pid").read_text())
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            select.select([handle], [], [], 120)
        finally:
            os.close(handle)
    shutil.rmtree(session, ignore_errors=True)


def _network() -> str:
    """The first half of a private network, such as `10.77`, that this machine has no route to."""
    routes = [line.split()[1] for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    used = {(int(route[6:8], 16), int(route[4:6], 16)) for route in routes}
    return f"10.{secrets.choice([second for second in range(64, 192) if (10, second) not in used])}"


def _start(engine: DockerEngine, dockerd: Path, session: Path, owner: int) -> None:
    name, network = session.name, _network()
    bridge = bridge_name(session)
    sweep = [sys.executable, "-I", str(Path(__file__).with_name("docker_sweep.py")), f"{network}.0.0/16", name]
    with Kept(session, owner=owner, detached=True, after=[sweep]) as keeper:
        (session / "keeper.pid").write_text(str(keeper.keeper_pid))
        for argv in (
            ["ip", "link", "add", bridge, "type", "bridge"],
            ["ip", "address", "add", f"{network}.255.1/24", "dev", bridge],
            ["ip", "link", "set", bridge, "up"],
        ):
            subprocess.run(argv, check=True, capture_output=True, timeout=30)
        if Path(
            "/proc/sys/net/bridge"
        ).exists():  # then the firewall, maybe another daemon's, sees traffic within a bridge
            subprocess.run(["iptables", "-w", "-I", *forward_rule(f"{network}.0.0/16")], check=True, timeout=30)
        (session / "daemon.json").write_text("{}")
        argv = [
            str(dockerd),
            f"--host=unix://{engine.socket}",
            f"--config-file={session}/daemon.json",
            f"--data-root={session}/data",
            f"--exec-root={session}/exec",
            f"--pidfile={session}/docker.pid",
            f"--bridge={bridge}",
            f"--default-address-pool=base={network}.0.0/17,size=24",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            f"--cgroup-parent=/{name}",
            "--shutdown-timeout=1",
        ]
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        keeper.start(Program(argv, env=environment, stop_seconds=5, private_mounts=True, hide=HIDDEN))
        keeper.wait_ready(lambda: engine.run("version", check=False).returncode == 0, what="dockerd")
