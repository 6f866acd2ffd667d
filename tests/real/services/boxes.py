"""Containers for tests of files: with GNU tar, with busybox alone, with next to nothing."""

import contextlib
import io
import secrets
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.parts.docker import DockerEngine
from tests.parts.need import require

APPLETS = (
    *("sh", "tar", "cat", "find", "stat", "mv", "cp", "rm", "mkdir", "rmdir", "ls", "ln", "chown", "chmod", "id", "df"),
    *("head", "tail", "readlink", "dirname", "basename", "awk", "sort", "grep", "tr", "sleep", "sha256sum", "sync"),
    *("uname", "wc", "touch", "env", "kill", "echo", "test", "[", "true"),
)


def _import(docker: DockerEngine, name: str, files: Mapping[str, str | Path]) -> str:
    """An image of a few files: by path, another file to copy, or the target of a symbolic link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("tmp", "proc", "bin"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for path, source in files.items():
            if isinstance(source, Path):
                tar.add(source, arcname=path)
            else:
                info = tarfile.TarInfo(path)
                info.type, info.linkname = tarfile.SYMTYPE, source
                tar.addfile(info)
    argv = [str(docker.binary), "import", "-", name]
    subprocess.run(argv, input=out.getvalue(), env=dict(docker.env), check=True, capture_output=True, timeout=60)
    return name


def busybox_image(docker: DockerEngine) -> str:
    """An image with busybox and nothing else, as Alpine's is."""
    binary = require("busybox", package="busybox-static")
    return _import(docker, "daytwo-test-busybox:1", {"bin/busybox": binary} | dict.fromkeys(
        (f"bin/{applet}" for applet in APPLETS), "busybox"))  # fmt: skip


def bare_image(docker: DockerEngine) -> str:
    """An image with one program and no shell, as distroless ones are."""
    return _import(docker, "daytwo-test-bare:1", {"busybox": require("busybox", package="busybox-static")})


@contextlib.contextmanager
def volume(docker: DockerEngine) -> Iterator[str]:
    """A named volume, removed at the end."""
    name = f"daytwo-test-{secrets.token_hex(4)}"
    docker.run("volume", "create", name)
    try:
        yield name
    finally:
        docker.run("volume", "rm", "--force", name)
