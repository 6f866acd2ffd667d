"""The contract suite against archives on an SSH host."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daytwo.core.repository import Repository
from tests.contract.repositories import Damage, RepositoryCase, RepositoryContract
from tests.parts.process import new_folder
from tests.parts.ssh import SshHost
from tests.repositories.archive_cases import files, hurt, newest_large


class SftpCase(RepositoryCase):
    """A folder on the host, which is this machine."""

    kind = "archive"

    def __init__(self, folder: Path, host: SshHost, remote: Path) -> None:
        super().__init__(folder)
        self.host = host
        self.remote = remote
        self.path = remote / "some" / "backups"
        self.spool = folder / ".daytwo"

    def settings(self) -> dict[str, Any]:
        return {"url": f"sftp:{self.host.name}:{self.path}", "ssh_config": str(self.host.config)}

    def broken(self) -> list[Repository[Any]]:
        (self.remote / "a-file").write_text("not a folder")
        stranger = self.folder / "ssh_config"
        stranger.write_text(self.host.config.read_text().replace(str(self.host.key), str(self.host.stranger_key)))
        return [
            self.repository(ssh_config=str(stranger)),
            self.repository(url=f"sftp:no-such-host.invalid:{self.path}"),
            self.repository(url=f"sftp:{self.host.name}:{self.remote}/a-file"),
            self.repository(url=f"sftp:{self.host.name}:/proc/none"),
        ]

    def damage(self, how: Damage) -> None:
        path = newest_large(self.spool) or newest_large(self.path)
        assert path
        hurt(path, how)

    def leftovers(self) -> object:
        return files(self.path), files(self.spool)


class TestSftp(RepositoryContract):
    @pytest.fixture
    def case(self, tmp_path: Path, ssh_host: SshHost) -> Iterator[SftpCase]:
        remote = new_folder()
        yield SftpCase(tmp_path, ssh_host, remote)
        shutil.rmtree(remote)
