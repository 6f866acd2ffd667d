"""Fixtures for repositories in real places."""

from pathlib import Path

import pytest


@pytest.fixture
def restic_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the configuration would be; nothing of the user's own caches is touched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(tmp_path / "restic-cache"))
    folder = tmp_path / "config"
    folder.mkdir()
    return folder
