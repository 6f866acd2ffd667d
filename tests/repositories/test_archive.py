"""The contract suite against archives in a local folder: every format, and encrypted to age."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daytwo.core.crypt import Key, new_key
from daytwo.core.errors import SecretError
from daytwo.core.manifest import Snapshot
from daytwo.core.run import Run
from daytwo.core.service import Place
from daytwo.repositories.archive import ArchiveRepository, ArchiveSettings
from tests.contract.repositories import DATA, RepositoryContract, manifest_of, put_all, store
from tests.repositories.archive_cases import FolderCase


class TestTarGz(RepositoryContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> FolderCase:
        return FolderCase(tmp_path)


class ZstdCase(FolderCase):
    extra = {"format": "tar.zst"}


class TestTarZst(RepositoryContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> FolderCase:
        return ZstdCase(tmp_path)


class AgeCase(FolderCase):
    """Encrypted to a key, and read by someone who has it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.key: Key = new_key()
        self.secrets = (self.key.secret.reveal(),)
        self.extra = {"encrypt": {"age": [self.key.recipient]}}

    def repository(self, app: str = "shop", environment: str = "production", **changes: Any) -> ArchiveRepository:
        settings = ArchiveSettings.model_validate({"kind": "archive", **self.settings(), **changes})
        return Opened("offsite", settings, Place(self.folder, app, environment), self.secrets)


class Opened(ArchiveRepository):
    """A repository whose user gave the recovery key on the command line."""

    def __init__(self, name: str, settings: ArchiveSettings, place: Place, keys: tuple[str, ...]) -> None:
        super().__init__(name, settings, place)
        self._keys = keys

    def open(self, snapshot: Snapshot, component: str, run: Run, secrets: Iterable[str] = ()) -> Iterator[bytes]:
        return super().open(snapshot, component, run, tuple(secrets) or self._keys)


class TestAge(RepositoryContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> AgeCase:
        return AgeCase(tmp_path)

    def test_no_key_and_a_wrong_key_are_clear_errors(self, case: AgeCase, run: Run) -> None:
        repository = case.repository()
        store(repository, run)
        [snapshot] = repository.snapshots(run)
        plain = ArchiveRepository("offsite", repository.settings, repository.place)
        with pytest.raises(SecretError, match="no secret key was given"):
            list(plain.open(snapshot, "db.dump", run))
        other = new_key().secret.reveal()
        with pytest.raises(SecretError, match="none of the keys") as caught:
            list(plain.open(snapshot, "db.dump", run, [other]))
        assert other not in str(caught.value)

    def test_no_plain_byte_is_ever_on_the_disk(self, case: AgeCase, run: Run) -> None:
        seen = []
        repository = case.repository()
        writer = repository.begin("s-1", run)
        records = put_all(writer, {"db.dump": [DATA["text.sql"], DATA["db.dump"]]})
        seen += [path.read_bytes()[:64] for path in case.path.rglob("*") if path.is_file()]
        writer.publish(writer.finish(manifest_of("s-1", run, repository, records)))
        seen += [path.read_bytes()[:64] for path in case.path.glob("*.age")]
        assert len(seen) == 2 and all(head.startswith(b"age-encryption.org/v1\n") for head in seen)
