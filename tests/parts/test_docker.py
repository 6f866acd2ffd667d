"""The private Docker daemon works as tests need it, and is gone after the session, a killed one too."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.parts.docker import DockerEngine, bridge_name
from tests.parts.process import answers, wait_until
from tests.parts.test_parts import using

ROOT = Path(__file__).parents[2]

COMPOSE = """
services:
  cache:
    image: {image}
    command: [redis-server, --protected-mode, "no", --dir, /data]
    ports: ["127.0.0.1::6379"]
    volumes: ["store:/data"]
    healthcheck: {{test: [CMD, redis-cli, ping], interval: 1s, retries: 30}}
  db:
    build: .
    command: [pg_ctlcluster, --foreground, "15", main, start]
    healthcheck: {{test: [CMD, su, postgres, -c, psql -c "select 1"], interval: 1s, retries: 60}}
volumes: {{store: {{}}}}
"""


def test_container(docker: DockerEngine) -> None:
    with docker.container("--publish", "127.0.0.1::6379", command=("redis-server", "--protected-mode", "no")) as id:
        port = docker.port(id, 6379)
        ping = ("exec", id, "redis-cli", "ping")
        wait_until(lambda: docker.run(*ping, check=False).stdout == "PONG\n", what="redis answers")
        assert answers(port)
        assert docker.run("exec", "-i", id, "cat", stdin="through").stdout == "through"
        assert docker.run("exec", id, "sh", "-c", "exit 7", check=False).returncode == 7
    assert not answers(port)
    assert docker.run("inspect", id, check=False).returncode != 0


def test_copy_and_volumes(docker: DockerEngine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with docker.container("--volume", "/data", "--volume", f"{tmp_path}:/host") as id:
        docker.run("cp", tmp_path / "file", f"{id}:/data/file")
        assert docker.run("exec", id, "cat", "/data/file", "/host/file").stdout == "contentcontent"
        docker.run("cp", f"{id}:/data/file", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "content"
        argv = [str(docker.binary), "cp", f"{id}:/data", "-"]
        archive = subprocess.run(argv, check=True, env={**os.environ, **docker.env}, capture_output=True)
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            assert "data/file" in tar.getnames()


def test_compose(docker: DockerEngine, tmp_path: Path) -> None:
    project = tmp_path / "daytwo-parts-compose"
    project.mkdir()
    (project / "compose.yaml").write_text(COMPOSE.format(image=docker.base_image))
    (project / "Dockerfile").write_text(f"FROM {docker.base_image}\nRUN echo built > /built\n")
    docker.compose(project, "up", "--detach", "--wait")
    try:
        assert docker.compose(project, "exec", "-T", "db", "cat", "/built").stdout == "built\n"
        # a service finds another one by its name
        assert docker.compose(project, "exec", "-T", "db", "redis-cli", "-h", "cache", "ping").stdout == "PONG\n"
        port = int(docker.compose(project, "port", "cache", "6379").stdout.strip().rpartition(":")[2])
        assert answers(port)
        assert "daytwo-parts-compose_store" in docker.run("volume", "ls").stdout
    finally:
        docker.compose(project, "down", "--volumes", "--timeout", "0")


SESSION = """
import os, pathlib, signal

def test_one(docker):
    bridge = "br" + docker.socket.parent.name.removeprefix("daytwo-")
    docker.run("network", "create", "--opt", f"com.docker.network.bridge.name={bridge}", "forgotten")
    assert pathlib.Path("/sys/class/net", bridge).exists()
    docker.run("run", "--detach", "--network", "forgotten", docker.base_image, "sleep", "infinity")
    pathlib.Path(os.environ["REPORT"]).write_text(str(docker.socket.parent))
    if os.environ["HANG"]:
        pathlib.Path(os.environ["REPORT"] + ".ready").touch()
        signal.pause()
"""


def _inner_session(tmp_path: Path, *, hang: bool) -> tuple["subprocess.Popen[bytes]", Path]:
    """Start a test session of its own, whose test forgets a container and a network; and its report."""
    test, report = tmp_path / "test_inner.py", tmp_path / "report"
    test.write_text(SESSION)
    argv = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "tests.conftest", f"--rootdir={tmp_path}", str(test)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"REPORT": str(report), "HANG": "yes" if hang else "", "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(argv, cwd=tmp_path, env=environment, stdin=quiet, stdout=quiet, stderr=quiet), report


def _leftovers(session: Path) -> list[str]:
    """What is left of a session anywhere."""
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(session) in line]
    names = {bridge_name(session), "br" + session.name.removeprefix("daytwo-")}
    bridges = [path.name for path in Path("/sys/class/net").iterdir() if path.name in names]
    # Unlike a glob, os.walk does not mind a group that is removed while it looks.
    groups = [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if Path(folder).name == session.name]
    return [*mounts, *bridges, *groups, *using(session), *([str(session)] if session.exists() else [])]


def test_a_session_leaves_nothing(docker: DockerEngine, tmp_path: Path) -> None:
    process, report = _inner_session(tmp_path, hang=False)
    assert process.wait(timeout=600) == 0
    session = Path(report.read_text())
    assert session != docker.socket.parent
    assert _leftovers(session) == []


def test_a_killed_session_leaves_nothing(docker: DockerEngine, tmp_path: Path) -> None:
    process, report = _inner_session(tmp_path, hang=True)
    ready = report.with_name(report.name + ".ready")
    wait_until(lambda: ready.exists() or process.poll() is not None, what="its test runs", seconds=600)
    assert process.poll() is None
    process.kill()
    process.wait()
    session = Path(report.read_text())
    wait_until(lambda: _leftovers(session) == [], what="everything of the session is gone", seconds=90)
    assert docker.run("version").returncode == 0  # this session's own daemon is unharmed
