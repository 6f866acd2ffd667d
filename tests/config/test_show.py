"""The merged configuration for people and for editors."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped,unused-ignore]
import pytest
from pydantic import BaseModel

from daytwo import config
from daytwo.config.document import parse
from daytwo.config.models import Backup, Config, Hook, Keep, Ping, Recovery
from daytwo.core.registry import kinds, repository_class, service_class

TEXT = """\
app: shop
timezone: Europe/Berlin
services:
  db: {kind: mysql, container: shop-db, database: shop, password: {command: [pass, show, hunter2-path]}}
  other: {kind: postgres, url: {env: DATABASE_URL}}
repositories:
  local: {kind: archive, path: ./backups}
  offsite: {kind: restic, url: "s3:https://s3.example.com/shop", password: {file: restic.txt}}
backups:
  nightly:
    at: "0 3 * * * UTC"
    keep: {last: 7, within: 30d}
    before: [echo begin, {run: [psql, -c, checkpoint], service: db, timeout: 5m}]
    ping: https://hc.example.com/hunter2-uuid
    floor: 2.5GB
  weekly: {at: "@weekly", ping: {env: PING}, services: db, to: local}
"""


def test_show_masks_secrets_and_loads_again(tmp_path: Path) -> None:
    shown = config.show(config.parsed(TEXT, tmp_path / "daytwo.yaml"))
    assert "hunter2" not in shown
    data = parse(shown, "shown").data
    assert data["services"]["db"]["password"] == {"command": ["pass", "***"]}
    assert data["services"]["other"]["url"] == {"env": "DATABASE_URL"}
    assert data["backups"]["nightly"]["floor"] == "2.5GB"
    assert data["backups"]["nightly"]["timeout"] == "6h", "defaults are shown"
    again = config.parsed(shown, tmp_path / "daytwo.yaml")
    assert config.show(again) == shown


def test_a_recipe_is_written_out(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("services: {db: {kind: postgres, container: shop-db}}\n")
    shown = config.show(config.parsed("app: shop\nextends: ./base.yaml\n", tmp_path / "daytwo.yaml"))
    assert "container: shop-db" in shown
    assert "extends" not in shown


@pytest.fixture(scope="module")
def checker() -> jsonschema.Draft202012Validator:
    schema = json.loads(json.dumps(config.schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_takes_what_is_right(checker: jsonschema.Draft202012Validator) -> None:
    checker.validate(parse(TEXT, "f").data)
    checker.validate({"app": "x", "extends": "wordpress", "services": {"db": {"container": "c"}, "site": None}})


@pytest.mark.parametrize(
    "bad",
    [
        {"services": {"db": {"kind": "postgres"}}},
        {"app": "x", "services": {"db": {"kind": "postgress"}}},
        {"app": "x", "services": {"db": {"kind": "postgres", "databse": "x"}}},
        {"app": "x", "services": {"db": {"kind": "mysql", "password": "plain"}}},
        {"app": "x", "services": {}, "backups": {"n": {"at": "every night"}}},
        {"app": "x", "services": {}, "backups": {"n": {"timeout": "30"}}},
        {"app": "x", "services": {}, "backups": {"n": {"floor": "2G"}}},
        {"app": "x", "services": {}, "backups": {"n": {"keep": {"lst": 3}}}},
        {"app": "x", "services": {}, "backups": {"n": {"before": 5}}},
        {"app": "x", "services": {}, "repositories": {"r": {"kind": "archive", "format": "zip"}}},
    ],
)
def test_the_schema_refuses_what_is_wrong(checker: jsonschema.Draft202012Validator, bad: dict[str, Any]) -> None:
    assert not checker.is_valid(bad)


def models() -> list[type[BaseModel]]:
    plugins: list[type[BaseModel]] = [service_class(kind).Settings for kind in kinds("services")]
    plugins += [repository_class(kind).Settings for kind in kinds("repositories")]
    return [Config, Backup, Hook, Keep, Ping, Recovery, *plugins]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_setting_is_described(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description and name != "kind"] == []
