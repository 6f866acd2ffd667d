"""An SSH host: Debian's `sshd` on a loopback port, with keys of its own, reached as the user who runs the tests."""

import contextlib
import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.parts.need import missing, require
from tests.parts.process import LOOPBACK, Program, kept, run_text

ALIAS = "daytwo-test-host"
PRIVILEGE_SEPARATION = Path("/run/sshd")
"""Compiled into sshd, which refuses to start as root without this folder."""


@dataclass(frozen=True)
class SshHost:
    """A running host: `ssh -F {config} {name}` asks nothing. `stranger_key` is a key that it does not accept."""

    name: str
    host: str
    port: int
    user: str
    config: Path
    key: Path
    stranger_key: Path
    known_hosts: Path
    log: Path

    def argv(self, *command: str) -> list[str]:
        """The command line that runs `command` there."""
        return ["ssh", "-F", str(self.config), self.name, *command]

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command there; its output."""
        done = run_text(self.argv(*command), stdin=stdin, seconds=60)
        if done.returncode != 0:
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr}")
        return done.stdout


def _key(keygen: Path, path: Path) -> Path:
    argv = [str(keygen), "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=30)
    return path


def _locked(user: str) -> bool:
    """Whether the account has no password, as root has on Ubuntu; without PAM sshd takes that for a locked account."""
    if os.geteuid() != 0:
        return False  # then sshd cannot see it either
    lines = Path("/etc/shadow").read_text().splitlines()
    return any(line.startswith(f"{user}:!") for line in lines)


def _config(path: Path, values: dict[str, str], head: str = "") -> Path:
    path.write_text(head + "".join(f"{name} {value}\n" for name, value in values.items()))
    return path


@contextlib.contextmanager
def ssh_host() -> Iterator[SshHost]:
    """Start sshd, with the SFTP subsystem, accepting one key and no password."""
    server, keygen = require("sshd", package="openssh-server"), require("ssh-keygen", package="openssh-client")
    require("ssh", package="openssh-client")
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    user = pwd.getpwuid(os.geteuid()).pw_name
    with kept() as keeper:
        folder = keeper.folder
        host_key, key, stranger_key = (
            _key(keygen, folder / name) for name in ("host_key", "client_key", "stranger_key")
        )
        public = host_key.with_suffix(".pub").read_text()
        (folder / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
        known_hosts, client = folder / "known_hosts", folder / "ssh_config"

        def program(port: int) -> Program:
            known_hosts.write_text(f"[{LOOPBACK}]:{port} {public}")
            daemon = {
                "ListenAddress": f"{LOOPBACK}:{port}",
                "HostKey": str(host_key),
                "PidFile": "none",
                "AuthorizedKeysFile": str(folder / "authorized_keys"),
                "PasswordAuthentication": "no",
                "KbdInteractiveAuthentication": "no",
                "PermitRootLogin": "prohibit-password",
                "StrictModes": "no",  # the folder above is the shared /tmp
                "UsePAM": "yes" if _locked(user) else "no",
                "MaxStartups": "100",
                "MaxSessions": "100",
                "PrintMotd": "no",
                "Subsystem": "sftp internal-sftp",
                # Debian's bash reads ~/.bashrc for every command over SSH unless it thinks that it is an inner shell;
                # what a person's .bashrc does (and how long) is not part of a test.
                "SetEnv": "SHLVL=5",
            }
            settings = {
                "HostName": LOOPBACK,
                "Port": str(port),
                "User": user,
                "IdentityFile": str(key),
                "IdentitiesOnly": "yes",
                "IdentityAgent": "none",
                "UserKnownHostsFile": str(known_hosts),
                "GlobalKnownHostsFile": "/dev/null",
                "StrictHostKeyChecking": "yes",
                "BatchMode": "yes",
                "ConnectTimeout": "10",
            }
            _config(client, settings, head=f"Host {ALIAS}\n")
            return Program(
                [str(server), "-D", "-e", "-f", str(_config(folder / "sshd_config", daemon))], stop_seconds=2
            )

        def running(port: int) -> SshHost:
            return SshHost(
                name=ALIAS,
                host=LOOPBACK,
                port=port,
                user=user,
                config=client,
                key=key,
                stranger_key=stranger_key,
                known_hosts=known_hosts,
                log=keeper.log,
            )

        def ready(port: int) -> bool:
            with contextlib.suppress(RuntimeError):
                return running(port).run("true") == ""
            if "account is locked" in keeper.tail():
                missing(f"sshd lets nobody in as {user}, whose account is locked")
            return False

        port, _ = keeper.start_on_free_port(program, ready, what="sshd")
        yield running(port)
