"""The base image of container tests: Debian with servers in it, made by debootstrap, so that no registry is needed."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.parts.need import missing, require, require_root
from tests.parts.process import Kept, PartDied, Program, new_folder

SUITE = "bookworm"
PACKAGES = ("postgresql", "redis-server", "mariadb-server", "openssh-server", "procps", "sqlite3")
RECIPE = "2"
"""Raise it when this module makes another image of the same packages."""

NAME = "daytwo-test-base:12"
UNNEEDED = ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
BUILD_SECONDS = 900


def cache_folder() -> Path:
    """Where test material that is slow to make is kept between sessions."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "daytwo-tests"


def rootfs_tarball(packages: Sequence[str] = PACKAGES, label: str = "rootfs") -> Path:
    """The image's file tree as a tar file: from the cache, else built (a minute; one builds, others wait).

    Args:
        packages: what is in it beyond the minimum.
        label: tells images of other packages apart.
    """
    key = hashlib.sha256("\n".join([RECIPE, SUITE, *sorted(packages), *UNNEEDED]).encode()).hexdigest()[:16]
    tarball = cache_folder() / f"{label}-{SUITE}-{key}.tar"
    if tarball.exists():
        return tarball
    tarball.parent.mkdir(parents=True, exist_ok=True)
    with tarball.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tarball.exists():
            _build(tarball, packages)
        for other in tarball.parent.glob(f"{label}-{SUITE}-*.tar*"):
            if other.stem.split(".")[0] != tarball.stem:  # of an older recipe
                other.unlink()
    return tarball


def _build(tarball: Path, packages: Sequence[str]) -> None:
    require_root("building the base image of container tests")
    debootstrap, tar = require("debootstrap"), require("tar")
    mirror = [value] if (value := os.environ.get("DAYTWO_DEBIAN_MIRROR")) else []
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    with Kept(new_folder(prefix="daytwo-rootfs-", parent=Path("/var/tmp"))) as keeper:
        rootfs, whole = keeper.folder / "rootfs", keeper.folder / "rootfs.tar"
        options = ["--variant=minbase", f"--include={','.join(packages)}"]
        environment = {**os.environ, "PATH": path, "DEBIAN_FRONTEND": "noninteractive"}
        argv = [str(debootstrap), *options, SUITE, str(rootfs), *mirror]
        try:
            # What debootstrap mounts inside the tree must never be seen, and so never be removed, by anybody else.
            keeper.finish(Program(argv, env=environment, private_mounts=True), seconds=BUILD_SECONDS)
        except PartDied as error:
            missing(f"debootstrap could not build the base image: {error}")
        for folder in UNNEEDED:
            for entry in (rootfs / folder).iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        keeper.finish(Program([str(tar), "-C", str(rootfs), "--numeric-owner", "-cf", str(whole), "."]), seconds=300)
        aside = tarball.with_suffix(".tar.part")
        shutil.copyfile(whole, aside)
        aside.rename(tarball)
