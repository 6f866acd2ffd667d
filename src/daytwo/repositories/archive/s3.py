"""An S3 bucket, by boto3, on Amazon's or any other server."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daytwo.core.errors import DaytwoError, RepositoryError, SecretError, UnreachableError
from daytwo.core.manifest import Digest
from daytwo.core.process import CHUNK
from daytwo.core.run import Run
from daytwo.core.secrets import Secret, redact
from daytwo.repositories.archive import disk
from daytwo.repositories.archive.settings import ArchiveSettings, ObjectLock, S3Address
from daytwo.repositories.archive.storage import Entry, FirmError, GoneError, Session, Storage, gone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PART = 16 * CHUNK
_UPLOADS = 4
_READERS = 8
_RESUMES = 3
_REFUSED = {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken",
            "ExpiredToken", "AllAccessDisabled", "AuthorizationHeaderMalformed"}  # fmt: skip
_NO_LOCK = {"ObjectLockConfigurationNotFoundError", "InvalidRequest", "NotImplemented"}


class S3Storage(Storage):
    """A prefix in a bucket.

    Args:
        address: which bucket and prefix.
        settings: endpoint, region and object lock.
        keys: access key and secret key, or boto3's usual places.
        spool: the folder in which archives are made.
        name: the repository's name.
    """

    def __init__(
        self, address: S3Address, settings: ArchiveSettings, keys: tuple[Secret | None, Secret | None],
        spool: Path, name: str,
    ) -> None:  # fmt: skip
        self.address_ = address
        self.label = f"s3://{address.bucket}" + (f"/{address.prefix}" if address.prefix else "")
        self._settings = settings
        self._keys = keys
        self._spool = spool
        self._name = name

    @contextlib.contextmanager
    def session(self, run: Run) -> Iterator[Session]:
        """A client; nothing is asked of the server yet."""
        import boto3
        from botocore.config import Config

        access, secret = (key.reveal() if key else None for key in self._keys)
        endpoint, region = self._settings.endpoint, self._settings.region
        config = Config(
            connect_timeout=15, read_timeout=60, retries={"max_attempts": 4, "mode": "standard"},
            max_pool_connections=_READERS + 2,
            s3={"addressing_style": "path" if endpoint else "auto"},
            # Servers other than Amazon's may not know its newer checksums; what is stored is read back and hashed here.
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
        )  # fmt: skip
        with _errors(self.label):
            client: S3Client = boto3.session.Session().client(
                "s3", endpoint_url=endpoint, region_name=region or ("us-east-1" if endpoint else None),
                aws_access_key_id=access, aws_secret_access_key=secret, config=config,
            )  # fmt: skip
        try:
            yield S3Session(client, self.address_, self.label, self._settings.object_lock, self._name, run)
        finally:
            client.close()

    def staging(self, run_id: str) -> Path:
        """Beside the configuration."""
        return self._spool / run_id / self._name


class S3Session(Session):
    """A bucket, for one run."""

    def __init__(
        self, client: "S3Client", address: S3Address, label: str, lock: ObjectLock | None, name: str, run: Run
    ) -> None:
        self._client = client
        self._bucket = address.bucket
        self._prefix = f"{address.prefix}/" if address.prefix else ""
        self._label = label
        self._lock = lock
        self._name = name
        self._run = run

    def prepare(self) -> None:
        """List, and begin an upload that is given up at once: the right to write is proven and nothing is left."""
        with _errors(self._label):
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
            key = f"{self._prefix}.daytwo-check"
            upload = self._client.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"]
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
        if self._lock is not None:
            self._check_lock()

    def _check_lock(self) -> None:
        from botocore.exceptions import ClientError

        with _errors(self._label):
            try:
                found = self._client.get_object_lock_configuration(Bucket=self._bucket)
                enabled = found["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"
            except ClientError as error:
                if _code(error) not in _NO_LOCK:
                    raise
                enabled = False
        if not enabled:
            raise FirmError(f"the bucket {self._bucket} has no object lock", where=self._label,
                            hint="Switch object lock on when creating a bucket, or leave object_lock out")  # fmt: skip

    def entries(self) -> list[Entry]:
        """The objects directly under the prefix."""
        found = []
        with _errors(self._label):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix, Delimiter="/"
            )
            for page in pages:
                self._run.check()
                found += [
                    Entry(one["Key"][len(self._prefix) :], one.get("Size", 0)) for one in page.get("Contents", [])
                ]
        return found

    def read(self, name: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Downloaded; a broken connection is taken up again where it broke."""
        done = failures = 0
        while length is None or done < length:
            try:
                for chunk in self._get(name, offset + done, None if length is None else length - done):
                    done, failures = done + len(chunk), 0
                    yield chunk
                return
            except UnreachableError:
                failures += 1
                if failures > _RESUMES:
                    raise

    def _get(self, name: str, offset: int, length: int | None) -> Iterator[bytes]:
        last = "" if length is None else str(offset + length - 1)
        given: dict[str, Any] = {"Range": f"bytes={offset}-{last}"} if offset or last else {}
        with _errors(self._label, name):
            body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name, **given)["Body"]
        with contextlib.closing(body):
            while True:
                self._run.check()
                with _errors(self._label, name):
                    chunk = body.read(CHUNK)
                if not chunk:
                    return
                yield chunk

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """Several at a time: each costs a round trip."""
        with ThreadPoolExecutor(_READERS) as pool:
            loaded = list(pool.map(self._load_one, names))
        return {name: data for name, data in loaded if data is not None}

    def _load_one(self, name: str) -> tuple[str, bytes | None]:
        try:
            return name, b"".join(self.read(name))
        except GoneError:
            return name, None

    def write(self, name: str, data: bytes, *, lock: bool = False) -> None:
        """One request, which S3 makes visible whole or not at all."""
        with _errors(self._label, name):
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + name, Body=data, **(self._protection() if lock else {})
            )

    def store(self, path: Path, name: str, digest: Digest) -> None:
        """Upload in parts, then download and compare."""
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=_UPLOADS)
        with _errors(self._label, name):
            try:
                self._client.upload_file(
                    str(path), self._bucket, self._prefix + name, ExtraArgs=self._protection(),
                    Callback=self._progress("uploading", digest.size), Config=config,
                )  # fmt: skip
            except S3UploadFailedError as error:
                raise error.__context__ or error from None
        progress = self._progress("reading back", digest.size)

        def counted() -> Iterator[bytes]:
            for chunk in self.read(name):
                progress(len(chunk))
                yield chunk

        disk.read_back(counted(), [disk.Segment(digest.size, digest.sha256)], f"{self._label}/{name}")

    def reveal(self, path: Path, name: str, manifest: str, data: bytes) -> None:
        """Put the manifest."""
        self.write(manifest, data, lock=True)

    def delete(self, name: str) -> None:
        """Delete it; under object lock every version of it, else it would only be hidden and keep its room."""
        key = self._prefix + name
        with _errors(self._label, name):
            if self._lock is None:
                self._client.delete_object(Bucket=self._bucket, Key=key)
                return
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
            for page in pages:
                for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    if version["Key"] == key:
                        self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=version["VersionId"])

    def sweep(self, run_id: str, name: str | None) -> list[str]:
        """Uploads of the archive that were begun."""
        if name is None:
            return []
        key, removed = self._prefix + name, []
        with _errors(self._label, name):
            found = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key).get("Uploads", [])
            for upload in found:
                if upload["Key"] == key:
                    self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload["UploadId"])
                    removed.append(f"the unfinished upload of {self._label}/{name}")
        return removed

    def locked_until(self, name: str) -> datetime | None:
        """The object's own retention, whoever set it."""
        try:
            with _errors(self._label, name):
                head = self._client.head_object(Bucket=self._bucket, Key=self._prefix + name)
        except GoneError:
            return None
        until: datetime | None = head.get("ObjectLockRetainUntilDate")
        if head.get("ObjectLockLegalHoldStatus") == "ON":
            return datetime.max.replace(tzinfo=UTC)
        return until if until and until > datetime.now(UTC) else None

    def _protection(self) -> dict[str, Any]:
        if self._lock is None:
            return {}
        return {
            "ObjectLockMode": self._lock.mode.upper(),
            "ObjectLockRetainUntilDate": datetime.now(UTC) + timedelta(days=self._lock.days),
            "ChecksumAlgorithm": "SHA256",  # S3 asks for a checksum with everything that it must keep
        }

    def _progress(self, state: str, total: int) -> Callable[[int], None]:
        done = 0

        def moved(count: int) -> None:
            nonlocal done
            self._run.check()
            done += count
            self._run.report(f"repository {self._name}", state, done, total)

        return moved


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextlib.contextmanager
def _errors(label: str, name: str = "") -> Iterator[None]:
    """Say what boto3's errors within mean."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _answer(error, label, name) from None
    except BotoCoreError as error:
        raise _trouble(error, label) from None
    except ValueError as error:  # an endpoint that is no URL
        raise FirmError(redact(str(error)), where=label, hint="Check endpoint and region") from None


def _answer(error: Any, label: str, name: str) -> DaytwoError:
    code = _code(error)
    if code == "NoSuchBucket":
        return FirmError("the bucket does not exist", where=label, hint="Create it, or check endpoint and region")
    if code in {"NoSuchKey", "404", "NotFound"}:
        return gone(name, label)
    if code in _REFUSED:
        said = redact(str(error.response.get("Error", {}).get("Message", "")))
        return FirmError(f"the server refuses: {code} {said}".strip(), where=label,
                         hint="Check the keys and what they may do: list, get, put and delete objects")  # fmt: skip
    return RepositoryError(f"the server answers: {redact(str(error))}", where=label, hint="Try again later")


def _trouble(error: Any, label: str) -> DaytwoError:
    from botocore.exceptions import NoCredentialsError, ParamValidationError, PartialCredentialsError

    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return SecretError("there are no S3 keys", where=label, hint="Set access_key and secret_key")
    if isinstance(error, ParamValidationError):
        return FirmError(redact(str(error)), where=label, hint="Check the url")
    return UnreachableError(f"the S3 server does not answer: {redact(str(error))}", where=label,
                            hint="Check endpoint, region and the network")  # fmt: skip
