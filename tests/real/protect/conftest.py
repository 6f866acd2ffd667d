"""A small app without servers, for what does not depend on an engine; driven through the command line, in this process."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest

from daytwo.cli.main import run
from tests.parts.postgres import PostgresServer
from tests.real.protect.shop import Done, Shop, open_shop


@dataclass
class Desk:
    """An app of files only, and the command line on it."""

    folder: Path
    key: str
    capture: pytest.CaptureFixture[str]

    @property
    def config(self) -> Path:
        """Its daytwo.yaml."""
        return self.folder / "daytwo.yaml"

    @property
    def uploads(self) -> Path:
        """Its data."""
        return self.folder / "uploads"

    def write(self, *, repositories: str = "local: {kind: archive, path: ./backups}", backup: str = "keep: {last: 7}",
              services: str = "uploads: {kind: files, path: ./uploads}", app: str = "desk") -> None:  # fmt: skip
        """Write the configuration."""
        recipient = pyrage.x25519.Identity.from_str(self.key).to_public()
        self.config.write_text(
            f"app: {app}\ntimezone: UTC\nservices: {{{services}}}\nrecovery: {{recipients: [{recipient}]}}\n"
            f"repositories: {{{repositories}}}\nbackups: {{nightly: {{{backup}}}}}\n"
        )

    def daytwo(self, *argv: str, code: int | None = 0) -> Done:
        """Run a command line in this process, and demand its exit code (None: any)."""
        self.capture.readouterr()
        got = run([*argv, "--config", str(self.config)] if argv else [])
        out, err = self.capture.readouterr()
        result = Done(int(got), out, err)
        assert code is None or got == code, f"exit {got}, wanted {code}\n{result}"
        return result

    def json(self, *argv: str, code: int | None = 0) -> Any:
        """The JSON document a command prints."""
        return json.loads(self.daytwo(*argv, "--json", code=code).out)

    def files(self) -> dict[str, bytes]:
        """All data."""
        return {
            str(p.relative_to(self.uploads)): p.read_bytes() for p in sorted(self.uploads.rglob("*")) if p.is_file()
        }

    def archive_of(self, snapshot: str) -> Path:
        """The archive of a snapshot in the local repository."""
        for path in (self.folder / "backups").glob("*.manifest.json"):
            manifest = json.loads(path.read_text())
            if manifest["id"] == snapshot:
                return path.parent / str(manifest["location"]["file"])
        raise AssertionError(f"no archive holds {snapshot}")

    def stored(self) -> list[str]:
        """Everything in the local repository's folder, hidden files too."""
        folder = self.folder / "backups"
        return sorted(str(p.relative_to(folder)) for p in folder.rglob("*")) if folder.exists() else []


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The small app, with data and a configuration."""
    monkeypatch.setenv("DAYTWO_DEBUG", "1")
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(tmp_path / "cache"))
    made = Desk(tmp_path, str(pyrage.x25519.Identity.generate()), capsys)
    made.uploads.mkdir()
    (made.uploads / "a.bin").write_bytes(os.urandom(100_000))
    (made.uploads / "sub").mkdir()
    (made.uploads / "sub" / "note with space.txt").write_text("first\n")
    (tmp_path / ".env").write_text("TOKEN=token-value-123\n")
    (tmp_path / "key.txt").write_text(made.key + "\n")
    (tmp_path / "restic-pw").write_text("correct horse battery\n")
    made.write()
    return made


@pytest.fixture
def make_shop(tmp_path: Path, postgres18: PostgresServer) -> Iterator[Callable[..., Shop]]:
    """Makes the app with a PostgreSQL database."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(open_shop(tmp_path, postgres18, **options))
