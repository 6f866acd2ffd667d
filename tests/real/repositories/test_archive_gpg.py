"""The contract suite against archives encrypted with a real gpg, in a keyring made for the test."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daytwo.core.errors import RepositoryError, SecretError
from daytwo.core.repository import Repository
from daytwo.core.run import Run
from tests.contract.repositories import DATA, RepositoryContract, store
from tests.parts.need import require
from tests.parts.process import new_folder
from tests.repositories.archive_cases import FolderCase

KEY = "backup@example.org"


@pytest.fixture(scope="session")
def keyring() -> Iterator[Path]:
    """A keyring with one key that has no passphrase; ended with its agent."""
    gpg = require("gpg")
    home = new_folder()
    home.chmod(0o700)
    made = ["--quick-generate-key", f"Backup <{KEY}>", "default", "default", "never"]
    argv = [str(gpg), "--homedir", str(home), "--batch", "--pinentry-mode", "loopback", "--passphrase", "", *made]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    yield home
    end(home)


def end(home: Path) -> None:
    """End the keyring's agent and remove it."""
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True, timeout=30)
    shutil.rmtree(home)


class GpgCase(FolderCase):
    """Encrypted to the key, read through the agent."""

    extra = {"encrypt": {"gpg": KEY}}

    def broken(self) -> list[Repository[Any]]:
        """A key that is not in the keyring."""
        return [self.repository(encrypt={"gpg": "nobody@example.org"})]


class TestGpg(RepositoryContract):
    @pytest.fixture
    def case(self, tmp_path: Path, keyring: Path, monkeypatch: pytest.MonkeyPatch) -> GpgCase:
        monkeypatch.setenv("GNUPGHOME", str(keyring))
        return GpgCase(tmp_path)

    def test_gpg_and_tar_open_it(self, case: GpgCase, repository: Repository[Any], run: Run, tmp_path: Path) -> None:
        manifest = store(repository, run, DATA)
        archive = repository.where(manifest)
        assert archive.endswith(".tar.gz.gpg")
        decrypt = subprocess.run(["gpg", "--batch", "-q", "-d", archive], check=True, capture_output=True, timeout=60)
        subprocess.run(["tar", "xzf", "-", "-C", tmp_path], input=decrypt.stdout, check=True, timeout=60)
        assert {name: (tmp_path / name).read_bytes() for name in DATA} == DATA
        assert f"gpg -d {Path(archive).name}" in (tmp_path / "RESTORE.md").read_text()

    def test_without_the_secret_key_it_is_a_clear_error(
        self, case: GpgCase, repository: Repository[Any], run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store(repository, run)
        [snapshot] = repository.snapshots(run)
        empty = new_folder()
        empty.chmod(0o700)
        try:
            monkeypatch.setenv("GNUPGHOME", str(empty))
            with pytest.raises(SecretError, match="no secret key") as caught:
                list(repository.open(snapshot, "db.dump", run))
            assert caught.value.hint and caught.value.where
            with pytest.raises(RepositoryError, match="cannot encrypt"):
                case.repository().check(run)
        finally:
            end(empty)
