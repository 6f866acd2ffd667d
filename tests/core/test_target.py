"""Targets turn a command for there into a command for here. Golden argv, and a real shell for the SSH form."""

import subprocess

import pytest

from daytwo.core.command import TAG, command
from daytwo.core.errors import ConfigError
from daytwo.core.secrets import Secret
from daytwo.core.target import LOCAL, Container, Ssh, make_target

DUMP = command("pg_dump", "-d", "my app", env={"LC_ALL": "C"}, secrets={"PGPASSWORD": Secret("s3cr et'x")}).tagged(
    "r1.1."
)


def test_local_is_the_command_itself() -> None:
    assert LOCAL.wrap(DUMP) == DUMP


def test_container_names_the_secret_and_keeps_its_value_in_the_environment() -> None:
    wrapped = Container("shop-db", user="postgres").wrap(DUMP)
    assert wrapped.argv == (
        "docker", "exec", "-i", "--user", "postgres", "-e", "LC_ALL=C", "-e", f"{TAG}=r1.1.", "-e", "PGPASSWORD",
        "shop-db", "pg_dump", "-d", "my app",
    )  # fmt: skip
    assert wrapped.secrets == DUMP.secrets
    assert not wrapped.env


def test_ssh_sends_secrets_by_standard_input_only() -> None:
    wrapped = Ssh("web1").wrap(DUMP)
    assert wrapped.argv[-2:] == (
        "web1",
        "IFS= read -r PGPASSWORD && export PGPASSWORD && exec env LC_ALL=C DAYTWO_RUN=r1.1. pg_dump -d 'my app'",
    )
    assert [secret.reveal() for secret in wrapped.preamble] == ["s3cr et'x"]
    assert "s3cr" not in " ".join(wrapped.argv)
    assert not wrapped.secrets


def test_container_on_an_ssh_host_composes() -> None:
    wrapped = make_target("db", "web1").wrap(DUMP)
    assert wrapped.argv[-1] == (
        "IFS= read -r PGPASSWORD && export PGPASSWORD && exec env DAYTWO_RUN=r1.1. "
        "docker exec -i -e LC_ALL=C -e DAYTWO_RUN=r1.1. -e PGPASSWORD db pg_dump -d 'my app'"
    )


def test_a_remote_shell_reads_it_back_as_it_was() -> None:
    echo = command("sh", "-c", 'printf "%s|%s|%s" "$PGPASSWORD" "$1" "$(cat)"', "sh", "a b'c", secrets=DUMP.secrets)
    wrapped = Ssh("anywhere").wrap(echo)
    fed = b"".join(secret.reveal().encode() + b"\n" for secret in wrapped.preamble) + b"the data"
    done = subprocess.run(["sh", "-c", wrapped.argv[-1]], input=fed, capture_output=True, check=True)
    assert done.stdout.decode() == "s3cr et'x|a b'c|the data"


def test_a_secret_of_two_lines_is_refused_for_ssh() -> None:
    with pytest.raises(ConfigError, match="more than one line"):
        Ssh("web1").wrap(command("x", secrets={"KEY": Secret("one\ntwo")}))
