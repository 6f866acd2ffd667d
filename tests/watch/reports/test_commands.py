"""`daytwo report` and `daytwo uptime`, on a state of their own."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daytwo.cli.main import run
from daytwo.config import load
from daytwo.core.errors import ExitCode
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from tests.watch.reports.conftest import Shop

CONFIG = """
app: shop
timezone: UTC
services: {web: {kind: http, url: "http://x"}, db: {kind: http, url: "http://y"}}
"""
Daytwo = Callable[..., tuple[int, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "daytwo.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def told(file: Path) -> Iterator[Shop]:
    """Yesterday and today: the web failed for an hour, two hours ago."""
    database = open_database(StateUrl.of(load(file)))
    made = Shop(database)
    now = datetime.now(UTC)
    begin, failed = now - timedelta(hours=50), now - timedelta(hours=2)
    five = timedelta(minutes=5)
    made.observe("web", begin, "o" * 576, five)
    made.observe("web", failed, "x" * 12 + "o" * 12, five)
    made.observe("db", begin, "o" * 600, five)
    made.number("web.duration", begin, [0.25] * 600, every=five)
    yield made
    database.close()


@pytest.fixture
def daytwo(file: Path, capsys: pytest.CaptureFixture[str]) -> Daytwo:
    def call(*words: str) -> tuple[int, str]:
        code = run([*words, "--config", str(file)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


@pytest.mark.usefixtures("told")
def test_uptime_says_what_is_promised_only_where_something_is(daytwo: Daytwo, file: Path) -> None:
    code, said = daytwo("uptime")
    head, db, web = said.splitlines()
    assert (code, head.split()) == (0, ["CHECK", "24h", "7d", "30d", "90d", "DOWN", "24h", "UNKNOWN", "90d"])
    assert "100.000 %" in db
    assert "95.8" in web
    assert "!" not in said
    file.write_text(CONFIG + "objectives: {uptime: 99.9%, hours: mon-sun 00:00-23:00, by: {web: {uptime: 90%}}}\n")
    head, db, web = daytwo("uptime")[1].splitlines()
    assert head.split()[-3:] == ["OBJECTIVE", "LEFT", "90d"]
    assert "CLOSED 90d" in head
    assert "99.900 %" in db
    assert "90.000 %" in web
    assert "!" not in web
    file.write_text(CONFIG + "objectives: {uptime: 99.9%}\n")
    assert "%!" in daytwo("uptime")[1].splitlines()[2]


@pytest.mark.usefixtures("told")
def test_a_report(daytwo: Daytwo) -> None:
    today = datetime.now(UTC).date()
    code, said = daytwo("report")
    assert code == 0
    assert said.startswith(f"shop (production): {today - timedelta(days=1)}\n")
    code, said = daytwo("report", "weekly", "--date", str(today), "--markdown")
    assert code == 0
    assert said.startswith("# shop (production): week of ")
    code, said = daytwo("report", "daily", "--json")
    assert json.loads(said)["slowest"] == ["web"]


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--date", "2026-13-01"), "write it like 2026-11-20"), (("--date", "2199-01-01"), "yet to come"),
        (("--json", "--markdown"), "cannot go together"), (("hourly",), "daily"),
    ],
)  # fmt: skip
def test_what_cannot_be_told(daytwo: Daytwo, words: tuple[str, ...], hint: str) -> None:
    code, said = daytwo("report", *words)
    assert code == ExitCode.CONFIG
    assert hint.lower() in said.lower()
    assert "Traceback" not in said


def test_before_anything_was_watched(daytwo: Daytwo) -> None:
    assert "Nothing has been observed yet" in daytwo("uptime")[1]
    code, said = daytwo("report", "monthly")
    assert (code, "Nothing was watched." in said) == (0, True)
