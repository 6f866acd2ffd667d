"""`daytwo rules`, on a state of its own."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daytwo.cli.main import run
from daytwo.config import load
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from daytwo.watch.numbers import Numbers, Point

CONFIG = """
app: shop
services: {web: {kind: http, url: "http://x"}}
rules:
  slow: {series: web.duration, critical: "> 2s"}
  misspelt: {series: web.durration, critical: "> 2s"}
  all: {series: "*.duration", critical: "> 9s"}
  none: {series: "*.container.memory", critical: "> 9GB"}
  part: {check: web.part}
  job: {check: heartbeat.nightly}
heartbeats:
  nightly: {every: 1d}
"""


def test_what_looks_at_nothing_is_not_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, now = tmp_path / "daytwo.yaml", datetime.now(UTC)
    file.write_text(CONFIG)
    database = open_database(StateUrl.of(load(file)))
    with database.begin() as connection:
        point = Point("web.duration", "s", False, round(now.timestamp() * 1000), 0.1)
        Numbers(database, "shop", "production").add(connection, [point], now)
    database.close()
    assert run(["rules", "--json", "--config", str(file)]) == 0
    told = {one["name"]: one["blind"] for one in json.loads(capsys.readouterr().out)}
    assert told == {
        "web": None, "slow": None, "misspelt": "no number yet", "all": None, "none": "no number yet",
        "part": "no such check", "job": None, "web.certificate_left": "no number yet",
    }  # fmt: skip
    assert run(["rules", "--config", str(file)]) == 0
    said = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert said["misspelt"].rstrip().endswith("no number yet") and said["slow"].rstrip().endswith("ok")
