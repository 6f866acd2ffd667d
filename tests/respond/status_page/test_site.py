"""The page as visitors get it: at once, however many they are, whatever is broken, and however large it is."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.core.check import Verdict
from daytwo.respond.status_page import site as module
from daytwo.respond.status_page.site import StatusSite
from daytwo.respond.status_page.view import view as real_view
from daytwo.store.tables import checks, stretches
from tests.respond.status_page.stage import CONFIG, Stage, staged


@pytest.fixture
def asked(stage: Stage) -> Iterator[list[str]]:
    """What the state was asked."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    sa.event.listen(stage.database.engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(stage.database.engine, "before_cursor_execute", note)


def test_a_flood_of_visitors_asks_the_state_nothing(stage: Stage, asked: list[str]) -> None:
    first = stage.site.now()
    assert asked
    asked.clear()
    for _ in range(1000):
        assert stage.site.now() is first
    assert asked == []
    stage.clock.advance(6)
    stage.site.now()
    assert asked, "and then once"


def test_nobody_waits_while_it_is_worked_out_anew(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stage.site.now()
    begun, go_on, real = threading.Event(), threading.Event(), real_view

    def slow(*arguments: object) -> object:
        begun.set()
        assert go_on.wait(20)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "view", slow)
    stage.seen("db", Verdict.FAILED)
    stage.clock.advance(61)
    one = threading.Thread(target=stage.site.now)
    one.start()
    assert begun.wait(20)
    assert stage.site.now() is before
    go_on.set()
    one.join()
    assert stage.site.now() is not before


def test_when_the_state_cannot_be_read_the_page_stays(stage: Stage) -> None:
    before = stage.site.now()
    with stage.database.begin() as connection:
        connection.execute(sa.text("ALTER TABLE checks RENAME TO elsewhere"))
    stage.clock.advance(120)
    assert stage.site.now() is before, "as old as it says it is"
    with pytest.raises(sa.exc.OperationalError):
        stage.site.now(anew=True)
    with pytest.raises(sa.exc.OperationalError):
        StatusSite(stage.database, lambda: stage.config, stage.clock).now()
    with stage.database.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO checks"))
    stage.clock.advance(6)
    assert stage.site.now().view.at == stage.clock()


def test_what_takes_long_is_worked_out_rarely(stage: Stage, asked: list[str]) -> None:
    seconds = iter(range(0, 1000, 2))  # each look takes two seconds
    slow = StatusSite(stage.database, lambda: stage.config, stage.clock, lambda: float(next(seconds)))
    slow.now()
    for advanced, looks in ((39, False), (2, True), (39, False)):
        asked.clear()
        stage.clock.advance(advanced)
        slow.now()
        assert bool(asked) is looks


def test_1000_checks_of_90_days_take_a_bounded_number_of_questions(tmp_path: Path) -> None:
    """The questions do not grow with the checks, and days that are over are looked at once."""
    services = "".join(f"  s{at}: {{kind: tcp, address: 'localhost:1'}}\n" for at in range(1000))
    text = CONFIG.replace("  db: {kind: files, path: ./data}\n", services).replace("services: db}", "services: ['s*']}")
    with staged(tmp_path, text) as stage:
        now, own, long_ago = stage.clock(), stage.own, stage.clock() - timedelta(days=100)
        answer = {**own, "verdict": "ok", "why": "", "since": long_ago, "at": now, "every": 60.0, "failures": 0,
                  "detail": '{"numbers": {}, "facts": {}}'}  # fmt: skip
        history = {**own, "begin": long_ago, "verdict": "ok", "why": ""}
        with stage.database.begin() as connection:
            connection.execute(
                checks.insert(), [{**answer, "name": f"s{at}", "service": f"s{at}"} for at in range(1000)]
            )
            connection.execute(stretches.insert(), [{**history, "check": f"s{at}"} for at in range(1000)])
        found: list[str] = []
        sa.event.listen(stage.database.engine, "before_cursor_execute", lambda *given: found.append(given[2]))
        store = stage.view().components[1]
        assert len(found) < 20
        assert [one.ok for one in store.days[:-1]] == [86400.0] * 89
        assert store.uptime == 1


def test_more_components_than_anybody_reads_are_refused(tmp_path: Path) -> None:
    from daytwo.config import ConfigFileError, load

    services = "".join(f"  s{at}: {{kind: tcp, address: 'localhost:1'}}\n" for at in range(201))
    (tmp_path / "daytwo.yaml").write_text(f"app: shop\nservices:\n{services}status_page: {{}}\n")
    with pytest.raises(ConfigFileError, match="201 services are more than a page can show"):
        load(tmp_path / "daytwo.yaml")
