"""Which file is meant, and what becomes of it."""

from pathlib import Path

import pytest

from daytwo import config
from daytwo.config import ConfigFileError
from daytwo.config.loading import find
from daytwo.config.zone import host_zone
from daytwo.core.errors import ConfigError
from daytwo.core.service import Place

TEXT = """\
app: shop
services:
  db: {kind: postgres, container: shop-db, database: shop}
"""


@pytest.fixture(autouse=True)
def _no_config_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAYTWO_CONFIG", raising=False)


def test_found_in_the_folder_and_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "daytwo.yml").write_text(TEXT)
    assert find(below) == tmp_path / "daytwo.yml"
    (tmp_path / "a" / "daytwo.yaml").write_text(TEXT)
    monkeypatch.chdir(below)
    loaded = config.load()
    assert loaded.path == tmp_path / "a" / "daytwo.yaml"
    assert loaded.folder == tmp_path / "a"
    assert loaded.place == Place(folder=tmp_path / "a", app="shop", environment="production")


def test_the_environment_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.yaml").write_text(TEXT)
    monkeypatch.setenv("DAYTWO_CONFIG", str(tmp_path / "other.yaml"))
    assert config.load().path == tmp_path / "other.yaml"


def test_none_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daytwo.config.loading.SYSTEM", tmp_path / "etc" / "daytwo.yaml")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match=r"daytwo init"):
        find(empty)
    with pytest.raises(ConfigError, match=r"daytwo init"):
        config.load(empty)
    with pytest.raises(ConfigError, match=r"there is no file .*absent.yaml"):
        config.load(tmp_path / "absent.yaml")


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "daytwo.yaml").write_bytes(b"app: \xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.load(tmp_path)
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError):
        config.load(tmp_path / "folder.yaml")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "daytwo.yaml").write_text("\ufeff" + TEXT, encoding="utf-8")
    assert config.load(tmp_path).app == "shop"


def test_defaults(tmp_path: Path) -> None:
    loaded = config.parsed(TEXT, tmp_path / "daytwo.yaml")
    assert loaded.environment == "production"
    assert loaded.timezone == host_zone()
    assert loaded.state == ".daytwo/state.db"
    assert (loaded.backups, loaded.repositories, loaded.recovery.recipients) == ({}, {}, ())


def test_the_host_s_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    assert host_zone(tmp_path) == "UTC"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "timezone").write_text("Europe/Berlin\n")
    assert host_zone(tmp_path) == "Europe/Berlin"
    (tmp_path / "etc" / "localtime").symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    assert host_zone(tmp_path) == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "America/New_York")
    assert host_zone(tmp_path) == "America/New_York"
    monkeypatch.setenv("TZ", "nonsense")
    assert host_zone(tmp_path) == "Asia/Tokyo"


def test_the_fingerprint_is_that_of_the_meaning(tmp_path: Path) -> None:
    def of(text: str) -> str:
        return config.parsed(text, tmp_path / "daytwo.yaml").fingerprint

    rewritten = (
        "# a comment\nservices:\n  db:\n    database: shop\n    kind: 'postgres'\n    container: shop-db\napp: shop\n"
    )
    assert of(TEXT) == of(rewritten)
    assert len(of(TEXT)) == 64
    assert of(TEXT) != of(TEXT.replace("shop-db", "shop-db-2"))


def test_a_recipe_and_its_content_written_out_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("services:\n  db: {kind: postgres, container: shop-db, database: shop}\n")
    extended = config.parsed("app: shop\nextends: ./base.yaml\n", tmp_path / "daytwo.yaml")
    assert extended.fingerprint == config.parsed(TEXT, tmp_path / "daytwo.yaml").fingerprint
    assert extended.origin.sources == ("daytwo.yaml", "./base.yaml")


def test_mistakes_can_be_handled_by_programs(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError) as caught:
        config.parsed(TEXT.replace("database", "databse"), tmp_path / "daytwo.yaml")
    (problem,) = caught.value.problems
    assert problem.path == ("services", "db", "databse")
    assert problem.spot and (problem.spot.file, problem.spot.line, problem.spot.column) == ("daytwo.yaml", 3, 44)


def test_a_glimpse_looks_at_no_plug_in(tmp_path: Path) -> None:
    text = TEXT.replace("database", "databse") + "backups: {nightly: {at: '@daily', services: nothing}}\n"
    (tmp_path / "daytwo.yaml").write_text(text)
    with pytest.raises(ConfigFileError):
        config.load(tmp_path)
    seen = config.glimpse(tmp_path)
    assert (seen.app, list(seen.services), str(seen.backups["nightly"].at)) == ("shop", ["db"], "@daily")
    (tmp_path / "daytwo.yaml").write_text(TEXT)
    assert config.glimpse(tmp_path).fingerprint == config.load(tmp_path).fingerprint
    (tmp_path / "daytwo.yaml").write_text(TEXT + "bakups: {}\n")
    with pytest.raises(ConfigFileError, match="did you mean `backups`"):
        config.glimpse(tmp_path)


def test_only_the_plug_ins_that_are_named_are_imported(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "daytwo.yaml").write_text(TEXT)
    program = (
        "import sys; from pathlib import Path; from daytwo.config import load; load(Path(sys.argv[1]))\n"
        "heavy = ['sqlalchemy', 'dbos', 'boto3', 'ruamel', 'typer', 'rich', 'cryptography']\n"
        "print(*[m for m in sys.modules if m.startswith(('daytwo.services.', 'daytwo.repositories.')) or m in heavy])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert "daytwo.services.postgres" in modules
    assert [one for one in modules if not one.startswith("daytwo.services.postgres")] == []
