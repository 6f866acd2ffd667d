"""A new file never over an old one; an edit keeps what people wrote."""

import os
from pathlib import Path

import pytest

from daytwo import config
from daytwo.config import ConfigFileError
from daytwo.core.crypt import new_key
from daytwo.core.errors import ConfigError, ExitCode, RefusedError
from daytwo.init import add_recipient, plan, write

OLD = "age1xr4m63u9ld4wxkqapsdq78efntg9ww0rz83ycas3247gs5fl7u5qsdpsz8"
FILE = f"""\
# our shop
app: shop   # the name

services:
  # the database
  db: {{kind: postgres, container: shop-db, database: shop}}   # on one line


recovery:   # who can read it
  recipients:
    - {OLD}  # Anna's, in the safe

repositories: {{local: {{kind: archive, path: "./backups"}}}}
backups:
  nightly:
    at: '0 3 * * *'
    keep: {{last: 7}}
"""


@pytest.mark.parametrize("name", ["daytwo.yaml", "daytwo.yml"])
def test_an_existing_file_is_left_alone(name: str, tmp_path: Path) -> None:
    made = plan(tmp_path, environ={})
    (tmp_path / name).write_text("mine")
    with pytest.raises(RefusedError) as caught:
        write(made)
    assert caught.value.exit_code == ExitCode.REFUSED
    assert (tmp_path / name).read_text() == "mine"
    assert sorted(one.name for one in tmp_path.iterdir()) == [name]


def test_a_file_that_appears_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, link = plan(tmp_path, environ={}), os.link

    def slower(source: Path, target: Path) -> None:
        target.write_text("mine")
        link(source, target)

    monkeypatch.setattr(os, "link", slower)
    with pytest.raises(RefusedError):
        write(made)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("daytwo.yaml", "mine")]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        write(plan(tmp_path / "absent", environ={}))


def test_planning_writes_nothing(tmp_path: Path) -> None:
    plan(tmp_path, environ={})
    assert list(tmp_path.iterdir()) == []


def test_a_recipient_is_added_and_nothing_else_changes(tmp_path: Path) -> None:
    path, new = tmp_path / "daytwo.yaml", new_key().recipient
    path.write_text(FILE)
    path.chmod(0o640)
    assert add_recipient(path, new)
    assert path.read_text() == FILE.replace("the safe\n", f"the safe\n    - {new}\n")
    assert config.load(path).recovery.recipients == (OLD, new)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_is_there_already(tmp_path: Path) -> None:
    path = tmp_path / "daytwo.yaml"
    path.write_text(FILE)
    assert not add_recipient(path, f" {OLD}\n")
    assert path.read_text() == FILE


@pytest.mark.parametrize(
    "recovery",
    ["", "recovery:\n", "recovery: {}\n", "recovery: {recipients: []}\n", f"recovery: {{recipients: {OLD}}}\n",
     f"recovery: {{recipients: [{OLD}]}}  # one\n"],
)  # fmt: skip
def test_every_form_it_may_have(recovery: str, tmp_path: Path) -> None:
    path, new = tmp_path / "daytwo.yaml", new_key().recipient
    path.write_text(f"app: shop  # ours\nservices:\n  db: {{kind: postgres, container: x}}\n{recovery}")
    assert add_recipient(path, new)
    assert config.load(path).recovery.recipients[-1] == new
    assert (OLD in recovery) == (OLD in path.read_text())
    assert "# ours" in path.read_text()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text(FILE)
    (tmp_path / "daytwo.yaml").symlink_to("real.yaml")
    assert add_recipient(tmp_path / "daytwo.yaml", new_key().recipient)
    assert (tmp_path / "daytwo.yaml").is_symlink()
    assert config.load(tmp_path).recovery.recipients[1:]


@pytest.mark.parametrize("bad", ["", "somebody", "age1qqqq", "AGE-SECRET-KEY-1QQQQ"])
def test_what_is_no_recipient_is_refused(bad: str, tmp_path: Path) -> None:
    path = tmp_path / "daytwo.yaml"
    path.write_text(FILE)
    with pytest.raises(ConfigError):
        add_recipient(path, bad)
    assert path.read_text() == FILE


@pytest.mark.parametrize(
    "text", ["app: [\n", "- a\n", "app: a\napp: b\n", "recovery: 5\n", "recovery: {recipients: 5}\n", ""]
)
def test_a_broken_file_is_not_edited(text: str, tmp_path: Path) -> None:
    path = tmp_path / "daytwo.yaml"
    path.write_text(text)
    with pytest.raises((ConfigError, ConfigFileError)):
        add_recipient(path, new_key().recipient)
    assert path.read_text() == text
