"""S3: moto's server in a process of its own, which checks keys and signatures."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.parts.need import require_package
from tests.parts.process import LOOPBACK, Program, kept

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class S3Server:
    """A running server; `access_key` and `secret_key` are the only ones it accepts."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str

    def client(self, *, access_key: str | None = None, secret_key: str | None = None) -> "S3Client":
        """A boto3 client of it, with other keys than the right ones if given."""
        client: S3Client = _client("s3", self.endpoint, access_key or self.access_key, secret_key or self.secret_key)
        return client

    def create_bucket(self, name: str, *, object_lock: bool = False) -> str:
        """Create a bucket, with versions and object lock if wanted; its name (3 to 63 characters)."""
        self.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=object_lock)
        return name

    def env(self) -> dict[str, str]:
        """The `AWS_*` variables that restic, rclone and boto3 read."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    def restic_url(self, bucket: str, path: str = "") -> str:
        """The repository address as restic writes it."""
        return f"s3:{self.endpoint}/{bucket}/{path}".rstrip("/")


def _client(service: str, endpoint: str, access_key: str, secret_key: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(retries={"max_attempts": 0}, connect_timeout=10, read_timeout=60),
    )


@contextlib.contextmanager
def s3() -> Iterator[S3Server]:
    """Start moto's server, with one user who may do everything.

    Its limits: everything is in memory, and an address signed in the query string (`generate_presigned_url`) gives
    error 500.
    """
    require_package("moto")
    with kept() as keeper:
        first = {"INITIAL_NO_AUTH_ACTION_COUNT": "3"}  # the three calls below; from then on it asks for keys

        def program(port: int) -> Program:
            argv = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)]
            return Program(argv, env={**os.environ, **first}, stop_seconds=2)

        user = keeper.folder.name  # our own: a taken port must not be mistaken for ours

        def ready(port: int) -> bool:
            iam = _client("iam", f"http://{LOOPBACK}:{port}", "nobody", "nothing")
            with contextlib.suppress(BotoCoreError, ClientError):
                iam.create_user(UserName=user)
                return True
            return False

        port, _ = keeper.start_on_free_port(program, ready, what="moto's server")
        endpoint = f"http://{LOOPBACK}:{port}"
        iam = _client("iam", endpoint, "nobody", "nothing")
        iam.put_user_policy(UserName=user, PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        yield S3Server(endpoint, REGION, key["AccessKeyId"], key["SecretAccessKey"])
