"""The YAML block: what it accepts, and how it says what is wrong."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daytwo.core.crypt import new_key
from daytwo.core.service import Place
from daytwo.repositories.archive import ArchiveRepository, ArchiveSettings
from daytwo.repositories.archive.settings import S3Address, SftpAddress

GOOD = new_key()


def settings(**block: Any) -> ArchiveSettings:
    return ArchiveSettings.model_validate({"kind": "archive", **block})


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({}, "give path"),
        ({"path": "x", "url": "s3://bucket/x"}, "one of them"),
        ({"url": "ftp://host/x"}, "neither s3://"),
        ({"url": "sftp://host"}, "neither s3://"),
        ({"url": "sftp://user:password@host/x"}, "neither s3://"),
        ({"url": "sftp:-oProxyCommand=x:/y"}, "neither s3://"),
        ({"path": "x", "endpoint": "http://x", "region": "y"}, "endpoint, region: only for an s3:// url"),
        ({"path": "x", "ssh_config": "y"}, "only for an sftp url"),
        ({"url": "s3://bucket", "access_key": {"env": "A"}}, "together"),
        ({"url": "s3://bucket", "access_key": "AKIA", "secret_key": {"env": "B"}}, "a secret is a reference"),
        ({"path": "x", "level": 9}, "level is from 0 to 3 for tar.gz"),
        ({"path": "x", "level": 20, "format": "tar.zst"}, "level is from 1 to 19"),
        ({"path": "x", "format": "zip"}, "'tar.gz' or 'tar.zst'"),
        ({"path": "x", "encrypt": {}}, "one of them"),
        ({"path": "x", "encrypt": {"age": ["age1xyz"]}}, "typing mistake"),
        ({"path": "x", "encrypt": {"age": [GOOD.recipient], "gpg": "me"}}, "one of them"),
        ({"path": "x", "copy_of": "y", "encrypt": {"gpg": "me"}}, "a copy is byte-identical"),
        ({"url": "s3://bucket", "object_lock": {"mode": "compliance", "days": 0}}, "greater than or equal to 1"),
    ],
)
def test_a_mistake_is_named(block: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**block)
    assert said in str(caught.value)


def test_f11_a_secret_key_pasted_as_recipient_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        settings(path="x", encrypt={"age": [GOOD.secret.reveal()]})
    message = "; ".join(error["msg"] for error in caught.value.errors())
    assert "secret key" in message and GOOD.secret.reveal() not in message


@pytest.mark.parametrize(
    ("url", "destination", "path"),
    [
        ("sftp://host/backups", "ssh://host", "/backups"),
        ("sftp://me@host:2222/a%20b/c", "ssh://me@host:2222", "/a b/c"),
        ("sftp:alias:/srv/backups", "alias", "/srv/backups"),
        ("sftp:me@alias:backups", "me@alias", "backups"),
    ],
)
def test_sftp_addresses(url: str, destination: str, path: str) -> None:
    assert settings(url=url).sftp == SftpAddress(destination=destination, path=path)


def test_s3_addresses() -> None:
    assert settings(url="s3://my.bucket/a/b/").s3 == S3Address(bucket="my.bucket", prefix="a/b")
    assert settings(url="s3://bucket").s3 == S3Address(bucket="bucket", prefix="")


def test_where_tells_a_path_or_a_url(tmp_path: Path) -> None:
    place = Place(tmp_path, "shop", "production")

    def label(**block: Any) -> str:
        return ArchiveRepository("it", settings(**block), place).storage.address("f")

    assert label(path="backups") == f"{tmp_path}/backups/f"
    assert label(url="s3://bucket/a") == "s3://bucket/a/f"
    assert label(url="sftp:alias:/b") == "sftp:alias:/b/f"
