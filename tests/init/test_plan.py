"""What `daytwo init` writes for the projects in `compose/`, word by word, and that all of it loads.

After a wanted change: `DAYTWO_UPDATE_GOLDEN=1 pytest tests/init`, and read the difference.
"""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from daytwo import config
from daytwo.core.crypt import Key, decrypting, encrypting, new_key
from daytwo.core.errors import ConfigError
from daytwo.core.secrets import Secret
from daytwo.init import InitPlan, plan, write

FOLDER = Path(__file__).parent
NAMES = sorted(folder.name for folder in (FOLDER / "compose").iterdir())
KEY = Key(Secret("AGE-SECRET-KEY-FOR-TESTS"), "age1xr4m63u9ld4wxkqapsdq78efntg9ww0rz83ycas3247gs5fl7u5qsdpsz8")


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")


def planned(folder: Path, **options: object) -> InitPlan:
    return plan(folder, **({"environ": {}, "zone": "Europe/Berlin", "key": KEY} | options))  # type: ignore[arg-type]


def project(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER / "compose" / name, tmp_path / name))


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, tmp_path: Path) -> None:
    made, golden = planned(project(name, tmp_path)), FOLDER / "golden" / f"{name}.yaml"
    if os.environ.get("DAYTWO_UPDATE_GOLDEN") == "1":
        golden.write_text(made.text)
    assert made.text == golden.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_loads_without_a_mistake(name: str, tmp_path: Path) -> None:
    made = planned(project(name, tmp_path))
    loaded = config.load(write(made))
    assert set(loaded.services) == {one.name for one in made.findings.services}
    assert loaded.timezone == "Europe/Berlin"
    assert loaded.recovery.recipients == (KEY.recipient,)
    assert loaded.backups["nightly"].services is None, "a service that is added later is in the backup"


@pytest.mark.parametrize("name", NAMES)
def test_f11_no_secret_is_written(name: str, tmp_path: Path) -> None:
    made = planned(project(name, tmp_path))
    assert "hunter2" not in made.text
    assert "hunter2" not in repr(made)
    assert "SECRET-KEY" not in made.text + repr(made)


@pytest.mark.parametrize("name", NAMES)
def test_every_volume_is_backed_up_or_left_out_with_a_reason(name: str, tmp_path: Path) -> None:
    from daytwo.init.compose import find, read

    folder = project(name, tmp_path)
    text = planned(folder).text
    for service in read(folder, find(folder), {}).services:
        for mount in service.mounts:
            if mount.kind == "volume":
                assert mount.source in text, f"{mount.source} is not mentioned"


def test_a_new_key_is_made_and_only_its_recipient_written(tmp_path: Path) -> None:
    made = planned(project("minimal", tmp_path), key=None)
    assert b"".join(decrypting(encrypting([b"rows"], [made.key.recipient]), [made.key.secret])) == b"rows"
    assert made.key.recipient in made.text
    assert made.key.secret.reveal() not in made.text + repr(made)
    assert made.key.recipient != planned(tmp_path / "minimal", key=new_key()).key.recipient


def test_files_may_be_named(tmp_path: Path) -> None:
    folder = project("override", tmp_path)
    alone = planned(folder, files=[Path("compose.yaml")])
    assert "shop-uploads" not in alone.text, "the override is not read when files are named"
    assert "./dev-data" in alone.text


def test_the_environment_goes_before_the_env_file(tmp_path: Path) -> None:
    folder = project("profiles", tmp_path)
    assert "postgres" not in planned(folder, environ={"COMPOSE_PROFILES": "none"}).text.split("# Left out")[0]
    assert planned(folder, environ={"COMPOSE_PROJECT_NAME": "Other One"}).findings.app == "otherone"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("services: [a, b]\n", "no Compose file"),
        ("- a\n", "no Compose file"),
        ("services: {a: {environment: A=b}}\n", "a: `environment` is not"),
        ("services: {a: {volumes: [1]}}\n", "a: `volumes` is not"),
        ("services: {a: {extends: [x]}}\n", "a: `extends` is not"),
        ("services: {}\nvolumes: [a]\n", "`volumes` is not"),
        ("services:\n  a: [\n", "not YAML"),
        ("services:\n  a: {extends: b}\n", "not there"),
        ("services:\n  a: {extends: b}\n  b: {extends: a}\n", "extends itself"),
        ("include: [./none.yaml]\n", "there is no Compose file"),
        ("include: [./compose.yaml]\n", "include each other"),
    ],
)
def test_files_that_are_no_compose_files(text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    with pytest.raises(ConfigError, match=what):
        planned(tmp_path)


def test_a_named_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no Compose file .*none.yaml"):
        planned(tmp_path, files=[Path("none.yaml")])


@pytest.mark.parametrize("end", ["\\n", "\\r", "\\x85", "\\u2028", "\\u2029", "\\x01", "\\x7f", "\\uFEFF"])
def test_text_of_a_compose_file_cannot_become_configuration(end: str, tmp_path: Path) -> None:
    """Comments are made of what a file says; none of it may end the comment."""
    (tmp_path / "compose.yaml").write_text(
        f'name: x\nservices:\n  "a{end}b":\n    image: "postgres:1{end}  evil: {{kind: files, path: /}}"\n'
        f'    volumes: ["/data{end}  evil: {{kind: files, path: /etc}}"]\n'
    )
    made = planned(tmp_path)
    (tmp_path / "daytwo.yaml").write_text(made.text)
    assert "evil" not in config.load(tmp_path).services


def sqlite(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("create table t (a)")
    connection.commit()
    connection.close()


def test_a_folder_without_a_compose_file(tmp_path: Path) -> None:
    folder = tmp_path / "My Tool"
    sqlite(folder / "data" / "tool.db")
    sqlite(folder / "backups" / "old.db")
    (folder / "data" / "not-sqlite.db").write_text("hello")
    (folder / ".env").write_text("TOKEN=hunter2\n")
    made = planned(folder)
    golden = FOLDER / "golden" / "folder.yaml"
    if os.environ.get("DAYTWO_UPDATE_GOLDEN") == "1":
        golden.write_text(made.text)
    assert made.text == golden.read_text()
    assert set(config.load(write(made)).services) == {"tool", "env", "files"}


def test_sqlite_in_a_bind_mount_is_a_database_not_a_file(tmp_path: Path) -> None:
    folder = project("binds", tmp_path)
    sqlite(folder / "data" / "app.sqlite3")
    made = planned(folder)
    found = {one.name: dict(one.settings) for one in made.findings.services}
    assert found["app"] == {"kind": "sqlite", "path": "./data/app.sqlite3"}
    assert found["data"]["exclude"] == [f"/app.sqlite3{end}" for end in ("", "-wal", "-shm", "-journal")]
    assert config.load(write(made)).services["app"].kind == "sqlite"


def test_the_project_folder_as_a_mount_does_not_hold_its_own_backups(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  app:\n    image: x\n    volumes: ['.:/app']\n")
    made = planned(tmp_path)
    files = next(one for one in made.findings.services if one.settings["kind"] == "files")
    assert files.settings["path"] == "."
    config.load(write(made))
