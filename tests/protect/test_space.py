"""The disk guard."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daytwo.core.errors import ExitCode, SpaceError
from daytwo.core.manifest import ComponentRecord, Digest, Manifest
from daytwo.protect.space import Need, guard, judge, required, watching
from tests.parts.need import missing

AT = datetime(2026, 11, 19, 2, 0, tzinfo=UTC)
GB = 10**9


def manifest(location: dict | None = None, **sizes: int | None) -> Manifest:
    records = tuple(
        ComponentRecord(name=name, service=name, kind="files", format="tar", begun=AT, ended=AT,
                        plain=None if size is None else Digest(sha256="0" * 64, size=size))
        for name, size in sizes.items()
    )  # fmt: skip
    return Manifest(id="abc", run="r", sequence=1, app="shop", environment="production", backup="nightly", at=AT,
                    ended=AT, host="h", daytwo="0", config="c", components=records,
                    location=location or {})  # fmt: skip


def repository(free: int | None) -> Any:
    """A stand-in that only knows what is free."""
    return cast(Any, SimpleNamespace(name="local", free=lambda: free))


def test_the_estimate_is_the_last_size_and_head_room() -> None:
    need = required(manifest(db=3 * GB, uploads=GB))
    assert need.size == 5 * GB
    assert need.basis == "the snapshot of 2026-11-19 took 4 GB, and 25% more is reckoned with"
    assert required(manifest(db=3 * GB), headroom=0).size == 3 * GB


def test_only_what_will_be_backed_up_counts_and_what_is_new_is_named() -> None:
    need = required(manifest(db=3 * GB, uploads=GB), ["db", "config"], headroom=0)
    assert need.size == 3 * GB and need.basis.endswith("; config not counted, as it is new")


def test_what_the_repository_says_goes_before_the_plain_size() -> None:
    last = manifest(db=3 * GB, uploads=GB)
    assert required(last, stored=GB, headroom=0).size == GB
    assert required(last, ["db"], stored=GB, headroom=0).size == 750_000_000


def test_without_an_earlier_snapshot_nothing_is_reckoned_with() -> None:
    assert required(None).size == 0
    assert required(manifest(tree=None), stored=GB, headroom=0).size == GB


def test_judged_at_the_border() -> None:
    need = Need(4 * GB, "because")
    assert judge(5 * GB, need, GB) is None
    assert judge(5 * GB - 1, need, GB) is not None
    assert judge(None, need, GB) is None
    assert judge(GB, Need(0, ""), GB) is None
    assert judge(GB - 10**8, Need(0, ""), GB, "/backups") == "900 MB free on /backups, and 1 GB must stay free"


def test_f05_too_little_space_is_refused_with_numbers_and_the_remedy() -> None:
    last = manifest({"size": 3 * GB}, db=20 * GB)
    guard(repository(5 * GB), last, GB)
    with pytest.raises(SpaceError) as caught:
        guard(repository(4 * GB), last, GB)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert str(caught.value) == (
        "repository local: 4 GB free, but 3.75 GB needed (the snapshot of 2026-11-19 took 3 GB, and 25% more is "
        "reckoned with) and 1 GB must stay free. Free 750 MB there, remove snapshots (`daytwo prune`, or a "
        "shorter `keep`), or store on a larger disk"
    )


def test_f05_below_the_floor_even_the_first_backup_is_refused() -> None:
    with pytest.raises(SpaceError, match="must stay free"):
        guard(repository(GB - 1), None, GB)


def test_a_repository_that_deduplicates_is_not_refused_for_the_datas_size() -> None:
    guard(repository(2 * GB), manifest({"snapshots": ["1", "2"]}, db=20 * GB), GB)
    guard(repository(None), manifest({"size": 20 * GB}, db=20 * GB), GB)


def test_f05_writing_stops_before_the_disk_is_full() -> None:
    free = iter([1000, 700, 400, 100])
    got: list[bytes] = []

    def source() -> Iterator[bytes]:
        while True:
            yield b"x" * 300

    with pytest.raises(SpaceError, match="stopped writing with 400 B free, since 300 B must stay free"):
        for chunk in watching(source(), lambda: next(free), floor=300, every=300):
            got.append(chunk)
    assert len(got) == 2


def test_looking_is_not_done_for_each_chunk() -> None:
    looks = 0

    def free() -> int:
        nonlocal looks
        looks += 1
        return GB

    assert len(list(watching([b"x" * 100] * 100, free, floor=1, every=1000))) == 100
    assert looks == 10


FILL = """
import os, sys
from pathlib import Path
from shutil import disk_usage
from daytwo.core.errors import SpaceError
from daytwo.protect.space import watching
place = Path(sys.argv[1])
def endless():
    while True: yield bytes(1 << 20)
try:
    with (place / "part").open("wb") as out:
        for chunk in watching(endless(), lambda: disk_usage(place).free, floor=8 << 20, where="local", every=1 << 20):
            out.write(chunk); out.flush()
except SpaceError as error:
    print(error.what, disk_usage(place).free >> 20)
"""


def test_f05_on_a_real_small_disk(tmp_path: Path) -> None:
    """A file system of 32 MiB in a mount namespace: another 8 MiB are free when the guard stops the writer."""
    script = f'mount -t tmpfs -o size=32m tmpfs "{tmp_path}" && exec "$@"'
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("a file system of its own cannot be mounted here (unshare)")
    done = subprocess.run([*unshare, sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True,
                          env=os.environ, check=True)  # fmt: skip
    what, free = done.stdout.strip().rsplit(" ", 1)
    assert what.startswith("stopped writing with") and int(free) == 8
