"""The kind `restic` against the real program and real places: a folder, S3, SFTP."""

import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from daytwo.core.repository import Repository
from daytwo.core.run import Run
from tests.contract.repositories import Damage, RepositoryCase, RepositoryContract
from tests.parts.restic import Restic
from tests.parts.s3 import S3Server

PASSWORD = "correct-horse-battery"


class ResticCase(RepositoryCase):
    """A restic repository, looked at with restic itself."""

    kind = "restic"
    secrets: tuple[str, ...] = (PASSWORD,)

    def __init__(self, folder: Path, restic: Restic) -> None:
        super().__init__(folder)
        self.program = restic
        (folder / "password").write_text(PASSWORD + "\n")
        (folder / "wrong").write_text("another-password\n")
        self.make()

    def make(self) -> None:
        """Make the repository; daytwo itself would, with a key that takes its time."""
        self.program.make(self.folder / "store", PASSWORD)

    def settings(self) -> dict[str, Any]:
        return {"url": "store", "password": {"file": "password"}}

    def env(self) -> dict[str, str]:
        """What restic needs beyond the password."""
        return {}

    def address(self) -> str:
        """The repository as restic writes it."""
        return str(self.folder / "store")

    def restic(self, *argv: str) -> str:
        """restic by hand; its output."""
        env = {**os.environ, **self.env(), "RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": self.address()}
        done = subprocess.run(["restic", *argv], env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def leftovers(self) -> object:
        return {kind: sorted(self.restic("list", kind, "--no-lock").split()) for kind in ("snapshots", "locks")}

    def packs(self) -> list[Path]:
        """The stored files of the local folder, oldest first."""
        files = [path for path in (self.folder / "store" / "data").rglob("*") if path.is_file()]
        return sorted(files, key=lambda path: path.stat().st_mtime_ns)

    def size(self) -> int:
        """Bytes of all stored data."""
        return sum(path.stat().st_size for path in self.packs())

    def lock_files(self) -> list[Path]:
        """The locks, without asking restic."""
        return sorted((self.folder / "store" / "locks").iterdir())

    def damage_all(self) -> None:
        """Turn over a bit in every stored file."""
        for pack in self.packs():
            pack.chmod(0o600)
            pack.write_bytes(flipped(pack.read_bytes()))

    def damage(self, how: Damage) -> None:
        pack = max(self.packs(), key=lambda path: path.stat().st_size)
        pack.chmod(0o600)
        if how is Damage.MISSING:
            pack.unlink()
        elif how is Damage.TRUNCATED:
            os.truncate(pack, pack.stat().st_size // 2)
        else:
            pack.write_bytes(flipped(pack.read_bytes()))

    def broken(self) -> list[Repository[Any]]:
        self.repository().check(new_run(self.folder))
        (self.folder / "file").write_text("in the way")
        return [
            self.repository(password={"file": "wrong"}),
            self.repository(password={"file": "absent"}),
            self.repository(url="file/below"),
            self.repository(binary="no-such-restic"),
            self.repository(binary="true"),
            self.repository(url="sftp:nobody@host.invalid:/place"),
        ]


def flipped(data: bytes) -> bytes:
    """The same with one bit turned over in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def new_run(folder: Path) -> Run:
    """A run with an id of its own."""
    return Run(uuid4().hex[:16], folder, timeout=120)


class S3Case(ResticCase):
    """A repository in a bucket."""

    def __init__(self, folder: Path, restic: Restic, server: S3Server) -> None:
        self.server = server
        self.bucket = server.create_bucket(f"restic-{uuid4().hex[:12]}")
        super().__init__(folder, restic)
        self.secrets = (PASSWORD, server.secret_key)
        (folder / "key").write_text(server.secret_key)
        (folder / "wrong-key").write_text("no-such-secret-key-at-all")

    def make(self) -> None:
        client = self.server.client()
        for name, data in self.program.files(PASSWORD).items():
            client.put_object(Bucket=self.bucket, Key=f"store/{name}", Body=data)

    def settings(self) -> dict[str, Any]:
        return {
            "url": self.address(),
            "password": {"file": "password"},
            "env": {**self.env(), "AWS_SECRET_ACCESS_KEY": {"file": "key"}},
        }

    def env(self) -> dict[str, str]:
        return self.server.env()

    def address(self) -> str:
        return self.server.restic_url(self.bucket, "store")

    def damage(self, how: Damage) -> None:
        client = self.server.client()
        listed = client.list_objects_v2(Bucket=self.bucket, Prefix="store/data/")["Contents"]
        key = max(listed, key=lambda one: one["Size"])["Key"]
        if how is Damage.MISSING:
            client.delete_object(Bucket=self.bucket, Key=key)
            return
        data = client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        hurt = data[: len(data) // 2] if how is Damage.TRUNCATED else flipped(data)
        client.put_object(Bucket=self.bucket, Key=key, Body=hurt)

    def broken(self) -> list[Repository[Any]]:
        self.repository().check(new_run(self.folder))
        env = self.settings()["env"]
        return [
            self.repository(password={"file": "wrong"}),
            self.repository(env={**env, "AWS_SECRET_ACCESS_KEY": {"file": "wrong-key"}}),
        ]


class TestS3(RepositoryContract):
    """A repository in a bucket of a server that speaks S3."""

    @pytest.fixture
    def case(self, restic_folder: Path, s3: S3Server, restic: Restic) -> S3Case:
        return S3Case(restic_folder, restic, s3)


class TestLocal(RepositoryContract):
    """A repository in a folder."""

    @pytest.fixture
    def case(self, restic_folder: Path, restic: Restic) -> ResticCase:
        return ResticCase(restic_folder, restic)
