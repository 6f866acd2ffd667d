"""The YAML block of an archive repository."""

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from daytwo.core.errors import ConfigError
from daytwo.core.repository import RepositorySettings
from daytwo.core.secrets import SecretRef

Format = Literal["tar.gz", "tar.zst"]
_LEVELS: dict[Format, tuple[int, int]] = {"tar.gz": (0, 3), "tar.zst": (1, 19)}


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ObjectLock(_Block):
    """How long S3 must refuse to remove an archive, whoever asks."""

    mode: Literal["governance", "compliance"] = Field(
        description="governance: a specially privileged user may still remove it; compliance: nobody may"
    )
    days: int = Field(ge=1, description="days from the upload on")


class Encryption(_Block):
    """Encrypts whole archives: exactly one of `age` and `gpg`."""

    age: tuple[str, ...] = Field(default=(), description="age or ssh public keys; any one of their owners can read it")
    gpg: str | None = Field(default=None, min_length=1, description="a gpg key id, fingerprint or mail address")

    @field_validator("age")
    @classmethod
    def _recipients(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from daytwo.core.crypt import check_recipient

        try:
            return tuple(check_recipient(text) for text in value)
        except ConfigError as error:
            raise ValueError(f"{error.what}. {error.hint}") from None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if bool(self.age) == bool(self.gpg):
            raise ValueError("give age recipients or a gpg key, one of them")
        return self

    @property
    def suffix(self) -> str:
        """What it adds to a file's name."""
        return ".age" if self.age else ".gpg"


class S3Address(_Block):
    """A place in an S3 bucket."""

    bucket: str
    prefix: str


class SftpAddress(_Block):
    """A folder on an SSH host: what `ssh` takes as destination, and the path there."""

    destination: str
    path: str


class ArchiveSettings(RepositorySettings):
    """Plain files that people can open without daytwo, in a folder, an S3 bucket or on an SSH host."""

    kind: Literal["archive"] = Field(default="archive", description="what sort of repository it is")
    path: Path | None = Field(default=None, description="local folder, made when missing")
    url: str | None = Field(
        default=None, description="`s3://bucket/prefix`, `sftp://[user@]host[:port]/path` or `sftp:alias:/path`"
    )
    copy_of: str | None = Field(
        default=None, description="name of the archive repository whose archives are copied here, byte by byte"
    )
    format: Format = Field(default="tar.gz", description="`tar.gz` opens everywhere, `tar.zst` is smaller")
    level: int | None = Field(
        default=None, description="how hard to compress: 0 to 3 for tar.gz (2 unless told), 1 to 19 for tar.zst (3)"
    )
    encrypt: Encryption | None = Field(default=None, description="encrypt whole archives to these keys")
    endpoint: str | None = Field(default=None, description="address of an S3 server that is not Amazon's")
    region: str | None = Field(default=None, description="S3 region")
    access_key: SecretRef | None = Field(default=None, description="S3 access key; boto3's usual places without it")
    secret_key: SecretRef | None = Field(default=None, description="S3 secret key")
    object_lock: ObjectLock | None = Field(default=None, description="make S3 refuse to remove archives for a time")
    ssh_config: Path | None = Field(default=None, description="ssh configuration file instead of the user's own")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("give path (a local folder) or url (s3:// or sftp:), one of them")
        s3, sftp = self.s3, self.sftp
        if self.url is not None and s3 is None and sftp is None:
            raise ValueError(f"'{self.url}' is neither s3://bucket/prefix nor sftp://host/path nor sftp:alias:/path")
        for_s3 = ("endpoint", "region", "access_key", "secret_key", "object_lock")
        given = [name for name in for_s3 if getattr(self, name) is not None]
        if given and s3 is None:
            raise ValueError(f"{', '.join(given)}: only for an s3:// url")
        if self.ssh_config is not None and sftp is None:
            raise ValueError("ssh_config: only for an sftp url")
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("give access_key and secret_key together, or neither")
        low, high = _LEVELS[self.format]
        if self.level is not None and not low <= self.level <= high:
            raise ValueError(f"level is from {low} to {high} for {self.format}")
        if self.copy_of is not None and self.encrypt is not None:
            raise ValueError("a copy is byte-identical: set encrypt on the repository it copies")
        return self

    @property
    def s3(self) -> S3Address | None:
        """Where in S3, for an `s3://` address."""
        match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", self.url or "")
        return S3Address(bucket=match[1], prefix=(match[2] or "").strip("/")) if match else None

    @property
    def sftp(self) -> SftpAddress | None:
        """Where on which host, for an sftp address."""
        url = self.url or ""
        if url.startswith("sftp://"):
            parts = urlsplit(url)
            if not parts.hostname or parts.path in ("", "/") or parts.password:
                return None
            return SftpAddress(destination=f"ssh://{parts.netloc}", path=unquote(parts.path))
        match = re.fullmatch(r"sftp:([^:/\s-][^:/\s]*):(.+)", url)
        return SftpAddress(destination=match[1], path=match[2]) if match else None

    @property
    def suffix(self) -> str:
        """The ending of its archives' names."""
        return f".{self.format}{self.encrypt.suffix if self.encrypt else ''}"
