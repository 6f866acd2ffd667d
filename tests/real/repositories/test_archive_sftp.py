"""The contract suite against archives on an SSH host."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daytwo.core.command import command
from daytwo.core.errors import IntegrityError, RepositoryError, UnreachableError
from daytwo.core.process import Process
from daytwo.core.repository import Repository
from daytwo.core.run import Run
from daytwo.core.target import LOCAL
from daytwo.repositories.archive.sftp import SftpSession
from daytwo.repositories.archive.sftp_client import SftpClient
from tests.contract.repositories import (
    DATA,
    Damage,
    RepositoryCase,
    RepositoryContract,
    content,
    manifest_of,
    noise,
    put_all,
    store,
)
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

    def test_f01_what_the_host_stored_is_read_back(
        self, case: SftpCase, repository: Any, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, counted = case.leftovers(), SftpSession._counted

        def hurt_first(session: SftpSession, state: str, chunks: Iterator[bytes], total: int) -> Iterator[bytes]:
            if state == "reading back":
                stored = newest_large(case.path)
                assert stored
                hurt(stored, Damage.FLIPPED)
            return counted(session, state, chunks, total)

        monkeypatch.setattr(SftpSession, "_counted", hurt_first)
        writer = repository.begin("s-1", run)
        records = put_all(writer, {"db.dump": noise(2 << 20)})
        with pytest.raises(IntegrityError, match="read back"):
            writer.finish(manifest_of("s-1", run, repository, records))
        writer.abort()
        assert case.leftovers() == before

    def test_an_upload_cut_short_is_swept(self, case: SftpCase, repository: Any, run: Run) -> None:
        for name in ("dead-shop-20260301T030000Z.tar.gz", "alive-shop-20260301T030000Z.tar.gz"):
            (case.path / f".daytwo-partial-{name}").write_text("half")
        assert len(repository.sweep(["dead"], run)) == 1
        assert [path.name for path in files(case.path)] == [".daytwo-partial-alive-shop-20260301T030000Z.tar.gz"]

    def test_a_url_and_a_large_file(self, case: SftpCase, run: Run) -> None:
        host = case.host
        repository = case.repository(url=f"sftp://{host.user}@{host.name}{case.path}/below")
        repository.check(run)
        data = {"big.bin": b"".join(noise(20 << 20)), "text.sql": DATA["text.sql"]}
        store(repository, run, data)
        [snapshot] = repository.snapshots(run)
        repository.verify(snapshot, run)
        assert content(repository, snapshot, run) == data

    def test_a_refused_key_is_said_and_worth_another_try(self, case: SftpCase, run: Run) -> None:
        with pytest.raises(UnreachableError, match="Permission denied"):
            case.broken()[0].check(run)

    def test_a_login_that_prints_is_not_taken_for_sftp(self, run: Run) -> None:
        noisy = command("sh", "-c", "echo Welcome to this host, dear user; cat >/dev/null")
        with Process(LOCAL, noisy, run, keep_stdin=True) as process:
            with pytest.raises(RepositoryError, match="login script"):
                SftpClient(process, "sftp:somewhere:/x")
