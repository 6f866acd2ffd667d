"""The YAML block of a restic repository."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from daytwo.core.repository import RepositorySettings
from daytwo.core.secrets import SecretRef, remember
from daytwo.core.service import Place
from daytwo.core.units import Size

_BACK_ENDS = ("sftp", "s3", "gs", "azure", "swift", "b2", "rest", "rclone")
_REMOTE = re.compile(rf"({'|'.join(_BACK_ENDS)}):")
_SCHEME = re.compile(r"([A-Za-z0-9+]+):")
_USERINFO = re.compile(r"://[^/@:]*:([^/@]+)@")
_OURS = ("-r", "--repo", "--password", "-p", "--json", "--no-lock", "--compression", "--pack-size")
_MIB = 1 << 20


class ResticSettings(RepositorySettings):
    """Settings of a restic repository."""

    url: str = Field(
        min_length=1,
        description="where it is, as restic writes it: a path, sftp:user@host:/path, s3:https://host/bucket, ...; "
        "a relative path begins at the configuration's folder",
    )
    password: SecretRef = Field(description="the repository's password; without it nobody can read it, ever")
    env: dict[str, SecretRef | str] = Field(
        default_factory=dict,
        description="environment variables for the back end, such as AWS_ACCESS_KEY_ID; secret ones as references",
    )
    options: tuple[str, ...] = Field(default=(), description="further arguments, such as -o, s3.bucket-lookup=path")
    compression: Literal["auto", "off", "max"] = Field(
        default="auto", description="how hard restic compresses (repository format 2)"
    )
    pack_size: Size | None = Field(default=None, description="size of the files restic stores, such as 64MiB")
    binary: str = Field(default="restic", min_length=1, description="the restic program: a name or a path")

    @field_validator("url")
    @classmethod
    def _known_back_end(cls, value: str) -> str:
        scheme = _SCHEME.match(value)
        if scheme and not _REMOTE.match(value) and scheme[1] != "local":
            raise ValueError(
                f"restic knows no back end '{scheme[1]}'; write a path, or one of {', '.join(_BACK_ENDS)}; "
                "a folder of that name is written ./name"
            )
        return value

    @field_validator("options")
    @classmethod
    def _not_ours(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for option in value:
            if option.partition("=")[0].startswith(_OURS) and option.startswith("-"):
                raise ValueError(f"{option.partition('=')[0]} is set by daytwo; use the settings of this repository")
        return value

    @field_validator("pack_size")
    @classmethod
    def _whole_mebibytes(cls, value: Size | None) -> Size | None:
        if value is not None and not 4 * _MIB <= value <= 128 * _MIB:
            raise ValueError("restic takes pack sizes from 4MiB to 128MiB")
        return value


def local_folder(settings: ResticSettings, place: Place) -> Path | None:
    """The folder of a repository on a file system of this machine; None for every other back end."""
    if _REMOTE.match(settings.url):
        return None
    return place.path(settings.url.removeprefix("local:"))


def location(settings: ResticSettings, place: Place) -> str:
    """What restic is told: the URL, or the absolute path of a local folder.

    A password in the URL is remembered as a secret, so that no message shows it.
    """
    folder = local_folder(settings, place)
    if folder is not None:
        return f"local:{folder}"
    if found := _USERINFO.search(settings.url):
        remember(found[1])
    return settings.url


def pack_size_argument(settings: ResticSettings) -> tuple[str, ...]:
    """`--pack-size` in whole MiB, as restic wants it."""
    return () if settings.pack_size is None else (f"--pack-size={round(settings.pack_size / _MIB)}",)
