"""What daytwo remembers of a restic repository on this machine, to spare it work; losing it costs only time.

Manifests never change, so one that was read or written once is not read again (each reading is a start of restic).
The repository's id tells a disk that is not mounted from a repository that is still to be made. Debts are runs
whose unfinished pieces could not be removed while another process held the repository.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from daytwo.core.manifest import Manifest
from daytwo.core.service import Place
from daytwo.repositories.restic.settings import ResticSettings, location


class Seen(BaseModel):
    """What is known of a repository's restic snapshots without asking restic again.

    Args:
        ids: those that were looked at, of all apps.
        sequence: the highest sequence of this app's manifests that were ever among them.
    """

    model_config = ConfigDict(frozen=True)

    ids: frozenset[str] = frozenset()
    sequence: int = 0


class Memory:
    """The folder of one repository and one app's environment.

    Args:
        settings: the repository's YAML block.
        place: what surrounds it.
    """

    def __init__(self, settings: ResticSettings, place: Place) -> None:
        repository = hashlib.sha256(location(settings, place).encode()).hexdigest()[:16]
        app = hashlib.sha256(f"{place.app}\0{place.environment}".encode()).hexdigest()[:16]
        self.folder = _cache(place) / "restic" / repository
        self._app = self.folder / app

    def manifest(self, restic_id: str) -> Manifest | None:
        """The manifest in this restic snapshot, if it is known."""
        with contextlib.suppress(OSError, ValidationError):
            return Manifest.model_validate_json((self._app / f"{restic_id}.json").read_bytes())
        return None

    def keep(self, restic_id: str, manifest: Manifest) -> None:
        """Remember a manifest."""
        _write(self._app / f"{restic_id}.json", manifest.model_dump_json().encode())

    def forget_others(self, restic_ids: Iterable[str]) -> None:
        """Drop the manifests of snapshots that are no more."""
        wanted = set(restic_ids)
        with contextlib.suppress(OSError):
            for path in self._app.glob("*.json"):
                if path.stem not in wanted:
                    path.unlink(missing_ok=True)

    @property
    def repository_id(self) -> str:
        """The repository's id when it was last seen; empty before."""
        with contextlib.suppress(OSError):
            return (self.folder / "id").read_text(encoding="ascii").strip()
        return ""

    @repository_id.setter
    def repository_id(self, value: str) -> None:
        if value != self.repository_id:
            _write(self.folder / "id", value.encode())

    def same(self, repository_id: str, config: str) -> bool:
        """Whether it is the repository of the last time, or the first one here.

        Args:
            repository_id: its id.
            config: the SHA-256 of its configuration file; empty where unknown. It tells where no id was read yet.
        """
        if self.repository_id:
            return self.repository_id == repository_id
        return not self.config or self.config == config

    @property
    def config(self) -> str:
        """The SHA-256 of the repository's configuration file when it was last opened or written; empty if unknown."""
        with contextlib.suppress(OSError):
            return (self.folder / "config").read_text(encoding="ascii").strip()
        return ""

    @config.setter
    def config(self, value: str) -> None:
        if value != self.config:
            _write(self.folder / "config", value.encode())

    def seen(self) -> Seen:
        """The restic snapshots that were looked at, and the highest sequence of this app's among them."""
        with contextlib.suppress(OSError, ValidationError):
            return Seen.model_validate_json((self._app / "seen").read_bytes())
        return Seen()

    def saw(self, seen: Seen) -> None:
        """Remember which restic snapshots were looked at."""
        _write(self._app / "seen", seen.model_dump_json().encode())

    def debts(self) -> list[str]:
        """Runs whose unfinished pieces should be gone and could not be removed yet."""
        with contextlib.suppress(OSError):
            return (self._app / "debts").read_text(encoding="ascii").split()
        return []

    def owe(self, run_id: str) -> None:
        """Note a run whose unfinished pieces should be gone."""
        _write(self._app / "debts", "\n".join(dict.fromkeys([*self.debts(), run_id])).encode())

    def paid(self) -> None:
        """They are gone."""
        with contextlib.suppress(OSError):
            (self._app / "debts").unlink(missing_ok=True)


def _cache(place: Place) -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if base.startswith("/"):
        return Path(base) / "daytwo"
    if os.environ.get("HOME"):
        return Path.home() / ".cache" / "daytwo"
    return place.folder / ".daytwo" / "cache"


def _write(path: Path, data: bytes) -> None:
    """Write whole or not at all; a cache that cannot be written is no failure."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside.touch(mode=0o600)
        aside.write_bytes(data)
        aside.replace(path)
