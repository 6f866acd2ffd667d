"""The container image, built from the Dockerfile as users build it, on a base that no registry has to give."""

import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.docker import DockerEngine
from tests.parts.need import missing
from tests.parts.process import wait_until
from tests.real.install.machine import ROOT

IMAGE = "daytwo-test-image:latest"
OWN_CERTIFICATES = Path("/usr/local/share/ca-certificates")
YAML = """
app: shop
timezone: UTC
services: {uploads: {kind: files, path: /srv/uploads}}
repositories: {local: {kind: archive, path: /srv/backups}}
backups: {nightly: {at: "0 3 * * *", floor: 1MB}}
serve: {listen: "0.0.0.0:8470", public: true}
"""
HANG = """
for process in /proc/[0-9]*; do
  if tr '\\0' ' ' <"$process/cmdline" | grep -q 'daytwo [s]erve'; then kill -STOP "${process#/proc/}"; fi
done
"""


@pytest.fixture(scope="module")
def image(docker: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image. It takes its packages from the network, as everywhere; where there is none, that is told."""
    folder = tmp_path_factory.mktemp("base")
    certificates = sorted(OWN_CERTIFICATES.glob("*.crt"))
    for one in certificates:  # what this machine trusts beyond the usual, its proxy's for instance
        shutil.copy(one, folder)
    copied = f"COPY *.crt {OWN_CERTIFICATES}/\n" if certificates else ""
    (folder / "Dockerfile").write_text(f"FROM {docker.base_image}\n{copied}")
    docker.run("build", "--quiet", "--tag", "daytwo-test-image-base", folder)
    built = docker.run(
        "build", "--network=host", "--build-arg=BASE=daytwo-test-image-base", "--tag", IMAGE, ROOT,
        check=False, seconds=900,
    )  # fmt: skip
    said = built.stdout + built.stderr
    if built.returncode and any(words in said for words in ("Temporary failure resolving", "Could not connect")):
        missing(f"the image cannot be built without a network: {said[-500:]}")
    assert built.returncode == 0, said[-4000:]
    return IMAGE


@pytest.fixture
def running(docker: DockerEngine, image: str, tmp_path: Path) -> Iterator[str]:
    """A container of it with an app; nothing of it can be written but what has to be."""
    for name in ("uploads", "backups"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    (tmp_path / "uploads/a.txt").write_text("hello")
    (tmp_path / "daytwo.yaml").write_text(YAML)
    name = f"daytwo-image-{secrets.token_hex(4)}"
    id = docker.run(
        "run", "--detach", "--init", "--name", name, "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL",
        "--security-opt=no-new-privileges", "--health-interval=1s", f"--volume={name}:/var/lib/daytwo",
        f"--volume={tmp_path}/daytwo.yaml:/etc/daytwo/daytwo.yaml:ro", f"--volume={tmp_path}/uploads:/srv/uploads:ro",
        f"--volume={tmp_path}/backups:/srv/backups", "--volume=/srv", image,
    ).stdout.strip()  # fmt: skip
    try:
        yield id
    finally:
        docker.run("rm", "--force", "--volumes", id)
        docker.run("volume", "rm", name)


def inside(docker: DockerEngine, id: str, *argv: str) -> str:
    """A command of daytwo in the container."""
    return docker.run("exec", id, "daytwo", *argv).stdout


def health(docker: DockerEngine, id: str) -> str:
    """What Docker thinks of the container."""
    return docker.run("inspect", "--format={{.State.Health.Status}}", id).stdout.strip()


def test_it_becomes_healthy_backs_up_survives_and_ends_cleanly(docker: DockerEngine, running: str) -> None:
    def outcomes() -> list[str]:
        return [one["outcome"] for one in json.loads(inside(docker, running, "runs", "--json"))]

    try:
        wait_until(lambda: health(docker, running) == "healthy", what="it is healthy", seconds=90)
    except Exception:
        pytest.fail(docker.run("logs", running).stderr)
    assert docker.run("exec", running, "id", "-u").stdout.strip() == "10001"
    inside(docker, running, "schedule", "run", "nightly")
    wait_until(lambda: outcomes() == ["succeeded"], what="a backup was made")
    inside(docker, running, "verify", "latest")
    docker.run("restart", running)  # the state outlives it
    wait_until(lambda: health(docker, running) == "healthy", what="it is healthy again", seconds=90)
    assert "succeeded" in outcomes()
    docker.run("stop", "--time", "40", running)
    assert docker.run("inspect", "--format={{.State.ExitCode}}", running).stdout.strip() == "0"
    assert "Traceback" not in docker.run("logs", running).stderr


def test_a_daemon_that_hangs_is_not_healthy(docker: DockerEngine, running: str) -> None:
    wait_until(lambda: health(docker, running) == "healthy", what="it is healthy", seconds=90)
    docker.run("exec", running, "sh", "-c", HANG)
    asked = docker.run("exec", running, "daytwo", "serve", "--check", check=False)
    assert (asked.returncode, "does not answer" in asked.stderr) == (5, True)


def test_the_programs_are_in_it(docker: DockerEngine, image: str) -> None:
    for program in ("pg_dump", "mariadb-dump", "redis-cli", "restic", "sqlite3", "git", "age", "gpg", "ssh", "docker"):
        flag = "-V" if program == "ssh" else "--version"
        argv = ("version",) if program == "restic" else (flag,)
        docker.run("run", "--rm", f"--entrypoint={program}", image, *argv)
