"""The contract suite against archives in S3, and what only S3 has: uploads in parts, object lock."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from daytwo.core.errors import CancelledError, DaytwoError, IntegrityError, RefusedError, RepositoryError
from daytwo.core.manifest import Manifest, Mark, MarkKind
from daytwo.core.repository import Repository
from daytwo.core.run import Progress, Run
from daytwo.repositories.archive.s3 import S3Session
from tests.contract.repositories import (
    AT,
    DATA,
    Damage,
    RepositoryCase,
    RepositoryContract,
    content,
    ids,
    manifest_of,
    noise,
    put_all,
    store,
)
from tests.parts.s3 import S3Server
from tests.repositories.archive_cases import FolderCase, files, hurt, newest_large


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
        else:
            self.damage_stored(how)

    def damage_stored(self, how: Damage) -> None:
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

    def test_f01_what_the_server_stored_is_read_back(
        self, case: S3Case, repository: Any, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, progress = case.leftovers(), S3Session._progress

        def hurt_first(session: S3Session, state: str, total: int) -> Any:
            if state == "reading back":
                case.damage_stored(Damage.FLIPPED)
            return progress(session, state, total)

        monkeypatch.setattr(S3Session, "_progress", hurt_first)
        writer = repository.begin("s-1", run)
        records = put_all(writer, {"db.dump": noise(2 << 20)})
        with pytest.raises(IntegrityError, match="read back"):
            writer.finish(manifest_of("s-1", run, repository, records))
        writer.abort()
        assert case.leftovers() == before

    def test_a_copy_of_a_local_archive_and_back(self, case: S3Case, run: Run, new_run: Any) -> None:
        folder = FolderCase(case.folder)
        original, copies = folder.repository(), case.repository(copy_of="local")
        for one in (original, copies):
            one.check(run)
        large = {"big.bin": b"".join(noise(40 << 20)), **DATA}
        stored = store(original, run, large)
        [snapshot] = original.snapshots(run)
        copied = copies.copy(original, snapshot, run)
        key = f"some/prefix/{copied.location['file']}"
        assert case.client.head_object(Bucket=case.bucket, Key=key)["ETag"].endswith('-3"'), "it went up in parts"
        assert case.client.get_object(Bucket=case.bucket, Key=key)["Body"].read() == path_of(original, stored)
        [found] = copies.snapshots(run)
        assert content(copies, found, run) == large
        back = folder.repository(path="back", copy_of="offsite")
        back.check(run)
        assert path_of(back, back.copy(copies, found, new_run())) == path_of(original, stored)
        assert files(case.spool) == []

    def test_an_upload_cut_short_is_swept(self, case: S3Case, repository: Any, run: Run) -> None:
        staging = case.spool / "spool" / "dead" / "offsite"
        staging.mkdir(parents=True)
        (staging / "publishing").write_text("shop-20260301T030000Z.tar.gz")
        for name in ("shop-20260301T030000Z.tar.gz", "shop-20260301T030000Z.tar.gz.of-another"):
            case.client.create_multipart_upload(Bucket=case.bucket, Key=f"some/prefix/{name}")
        removed = repository.sweep(["dead"], run)
        assert any("unfinished upload" in line for line in removed)
        [left] = case.client.list_multipart_uploads(Bucket=case.bucket)["Uploads"]
        assert left["Key"].endswith("of-another")

    @pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    )  # boto3 leaves parts to the collector
    def test_a_cancelled_upload_leaves_nothing(self, case: S3Case, run: Run, new_run: Any, tmp_path: Path) -> None:
        before = case.leftovers()

        def cancel(progress: Progress) -> None:
            if progress.state == "uploading":
                doomed.cancel("Ctrl-C")

        doomed = Run("doomed", tmp_path / "doomed", on_progress=cancel, timeout=60)
        repository = case.repository()
        writer = repository.begin("s-1", doomed)
        records = put_all(writer, {"big.bin": noise(40 << 20)})
        with pytest.raises(CancelledError):
            writer.finish(manifest_of("s-1", doomed, repository, records))
        writer.abort()
        gc.collect()
        assert case.leftovers() == before

    def test_a_server_that_is_gone_is_worth_another_try_and_a_wrong_key_is_not(self, case: S3Case, run: Run) -> None:
        wrong, _, away, _ = case.broken()
        for repository, permanent in ((wrong, True), (away, False)):
            with pytest.raises(DaytwoError) as caught:
                repository.check(run)
            assert caught.value.permanent is permanent


LOCK: dict[str, Any] = {"object_lock": {"mode": "governance", "days": 1}}


class LockedCase(S3Case):
    """A bucket with object lock."""

    def __init__(self, folder: Path, server: S3Server) -> None:
        super().__init__(folder, server, object_lock=True)

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), **LOCK}

    def unlock(self, text: str) -> None:
        """Time goes by: the retention of these objects is over."""
        for version in self.client.list_object_versions(Bucket=self.bucket)["Versions"]:
            if text in version["Key"]:
                self.client.put_object_retention(
                    Bucket=self.bucket, Key=version["Key"], VersionId=version["VersionId"],
                    Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) - timedelta(days=1)},
                    BypassGovernanceRetention=True,
                )  # fmt: skip


class TestObjectLock:
    @pytest.fixture
    def case(self, tmp_path: Path, s3: S3Server) -> LockedCase:
        return LockedCase(tmp_path, s3)

    @pytest.fixture
    def run(self, tmp_path: Path) -> Run:
        return Run("0123456789abcdef", tmp_path / "work", timeout=120)

    def test_archive_and_manifest_are_locked_and_marks_are_not(self, case: LockedCase, run: Run) -> None:
        repository = case.repository()
        repository.check(run)
        store(repository, run)
        [snapshot] = repository.snapshots(run)
        repository.mark(snapshot, Mark(kind=MarkKind.PINNED, at=AT), run)
        repository.mark(snapshot, Mark(kind=MarkKind.VERIFIED, at=AT + timedelta(minutes=1)), run)
        locked = {
            key: "ObjectLockMode" in case.client.head_object(Bucket=case.bucket, Key=key) for key in case.objects()
        }
        assert sorted(key.partition("Z.")[2].split("-")[0] for key, lock in locked.items() if lock) == [
            "manifest.json", "tar.gz"
        ]  # fmt: skip
        assert len(locked) == 4, "one small object a mark"
        [snapshot] = repository.snapshots(run)
        assert snapshot.pinned and [mark.kind for mark in snapshot.marks] == [MarkKind.PINNED, MarkKind.VERIFIED]

    def test_what_the_lock_protects_stays_and_the_rest_goes(self, case: LockedCase, run: Run) -> None:
        repository = case.repository()
        first, second = store(repository, run), store(repository, run)
        case.unlock("Z.")
        snapshots = repository.snapshots(run)
        with pytest.raises(RefusedError) as caught:
            repository.remove(snapshots, run)
        said = str(caught.value)
        assert "object lock protects 1 of 2" in said and str(second.location["file"]) in said
        assert str(first.location["file"]) not in said
        assert ids(repository, run) == [second.id]
        left: Any = case.client.list_object_versions(Bucket=case.bucket)
        assert len(left["Versions"]) == 2 and "DeleteMarkers" not in left, "no hidden versions keep their room"
        [snapshot] = repository.snapshots(run)
        repository.verify(snapshot, run)

    def test_a_bucket_without_object_lock_is_refused_by_check(self, tmp_path: Path, s3: S3Server, run: Run) -> None:
        with pytest.raises(RepositoryError, match="has no object lock"):
            S3Case(tmp_path, s3).repository(**LOCK).check(run)


def path_of(repository: Any, manifest: Manifest) -> bytes:
    """The archive's bytes, in a local folder."""
    return Path(repository.where(manifest)).read_bytes()
