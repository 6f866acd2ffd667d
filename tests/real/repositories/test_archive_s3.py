"""The contract suite against archives in S3."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from daytwo.core.repository import Repository
from tests.contract.repositories import Damage, RepositoryCase, RepositoryContract
from tests.parts.s3 import S3Server
from tests.repositories.archive_cases import files, hurt, newest_large


class S3Case(RepositoryCase):
    """A bucket of its own."""

    kind = "archive"

    def __init__(self, folder: Path, server: S3Server, *, object_lock: bool = False) -> None:
        super().__init__(folder)
        self.server = server
        self.bucket = server.create_bucket(f"b-{uuid4().hex}", object_lock=object_lock)
        self.client = server.client()
        self.secrets = (server.secret_key,)
        (folder / "access").write_text(server.access_key)
        (folder / "secret").write_text(server.secret_key + "\n")
        (folder / "wrong").write_text("wrong-secret-key")
        self.spool = folder / ".daytwo"

    def settings(self) -> dict[str, Any]:
        return {"url": f"s3://{self.bucket}/some/prefix", "endpoint": self.server.endpoint,
                "access_key": {"file": "access"}, "secret_key": {"file": "secret"}}  # fmt: skip

    def broken(self) -> list[Repository[Any]]:
        return [
            self.repository(secret_key={"file": "wrong"}),
            self.repository(url="s3://no-such-bucket-of-ours/x"),
            self.repository(endpoint="http://127.0.0.1:1"),
            self.repository(endpoint="not a url"),
        ]

    def objects(self) -> dict[str, int]:
        found = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {one["Key"]: one["Size"] for one in found}

    def damage(self, how: Damage) -> None:
        if spooled := newest_large(self.spool):
            hurt(spooled, how)
            return
        found = self.client.list_objects_v2(Bucket=self.bucket)["Contents"]
        key = max((one for one in found if one["Size"] > 100_000), key=lambda one: one["LastModified"])["Key"]
        copy = self.folder / "hurt"
        copy.write_bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        hurt(copy, how)
        if how is Damage.MISSING:
            self.client.delete_object(Bucket=self.bucket, Key=key)
        else:
            self.client.put_object(Bucket=self.bucket, Key=key, Body=copy.read_bytes())
            copy.unlink()

    def leftovers(self) -> object:
        uploads = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return sorted(self.objects()), len(uploads), files(self.spool)


class TestS3(RepositoryContract):
    @pytest.fixture
    def case(self, tmp_path: Path, s3: S3Server) -> Iterator[S3Case]:
        yield S3Case(tmp_path, s3)
