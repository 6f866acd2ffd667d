"""Mistakes that only show when blocks are looked at together; their words are in `mistakes/`."""

from pathlib import Path

import pytest

from daytwo import config
from daytwo.config import ConfigFileError

RECIPIENT = "age1xr4m63u9ld4wxkqapsdq78efntg9ww0rz83ycas3247gs5fl7u5qsdpsz8"
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN0gsOkAjp2rlnJkQdjrXvDlS+dwAUOZXS6w0iYcHWtr somebody@example"


def problems(text: str, folder: Path) -> list[str]:
    """The mistakes in a configuration."""
    try:
        config.parsed(f"app: shop\n{text}", folder / "daytwo.yaml")
    except ConfigFileError as error:
        return [str(problem) for problem in error.problems]
    return []


def with_files(path: str, repository: str, exclude: str = "[]", services: str = "[data]") -> str:
    return (
        f"services:\n  data: {{kind: files, path: {path}, exclude: {exclude}}}\n"
        f"  db: {{kind: postgres, container: x}}\n"
        f"repositories:\n  local: {{kind: archive, path: {repository}}}\n"
        f"backups:\n  nightly: {{services: {services}}}\n"
    )


@pytest.mark.parametrize(
    ("path", "repository", "exclude"),
    [
        (".", "./backups", "[]"), (".", ".", "[]"), ("./data", "data/backups", "[]"), ("/", "/mnt/x", "[]"),
        ("./*", "./backups", "[]"), (".", "./backups", "[/other]"), (".", "./a/backups", "[/backups]"),
        ("./x/../data", "./data/backups", "[]"),
    ],
)  # fmt: skip
def test_a_repository_inside_what_it_stores(path: str, repository: str, exclude: str, tmp_path: Path) -> None:
    (found,) = problems(with_files(path, repository, exclude), tmp_path)
    assert "repositories.local.path  stores inside" in found


@pytest.mark.parametrize(
    ("path", "repository", "exclude"),
    [
        ("./data", "./backups", "[]"), (".", "./backups", "[/backups]"), (".", "./backups", "[backups]"),
        (".", "./a/b/backups", "[/a]"), ("./data", "./data-backups", "[]"), ("./data/*.txt", "./data/backups", "[]"),
    ],
)  # fmt: skip
def test_a_repository_beside_what_it_stores(path: str, repository: str, exclude: str, tmp_path: Path) -> None:
    assert problems(with_files(path, repository, exclude), tmp_path) == []


def test_a_repository_inside_what_another_backup_reads(tmp_path: Path) -> None:
    assert problems(with_files(".", "./backups", services="[db]"), tmp_path) == []


def test_a_path_in_a_container_is_elsewhere(tmp_path: Path) -> None:
    text = with_files("/", "./backups").replace("kind: files,", "kind: files, container: app,")
    assert problems(text, tmp_path) == []


@pytest.mark.parametrize("recipients", [RECIPIENT, f"[{RECIPIENT}]", f"[{RECIPIENT}, '{SSH}']"])
def test_secrets_with_a_reader(recipients: str, tmp_path: Path) -> None:
    text = f"services: {{env: {{kind: env, paths: [.env]}}}}\nrecovery: {{recipients: {recipients}}}\n"
    assert problems(text, tmp_path) == []


def test_kind_env_is_secret_by_itself(tmp_path: Path) -> None:
    (found,) = problems("services: {env: {kind: env, paths: [.env]}}\n", tmp_path)
    assert "services.env  its data is secret" in found


def test_two_services_with_one_component_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from daytwo.services.files import Files

    text = "services:\n  a: {kind: files, path: ./a}\n  b: {kind: files, path: ./b}\n"
    assert problems(text, tmp_path) == []
    real = Files.components
    monkeypatch.setattr(Files, "components", lambda self: real(Files("same", self.settings, self.place)))
    (found,) = problems(text, tmp_path)
    assert "services.b  its same.tar is called like that of services.a in a snapshot" in found


def test_mistakes_in_different_blocks_are_told_together(tmp_path: Path) -> None:
    found = problems("services: {db: {kind: postgres, usr: a}}\nbackups: {n: {services: [bd], kep: 1}}\n", tmp_path)
    assert len(found) == 4, found
