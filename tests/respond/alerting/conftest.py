"""Lines to play on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daytwo.respond.outbox.carrier import pause
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from tests.respond.alerting.line import Line, config_of

MakeLine = Callable[..., Line]


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries are repeated after the time that is written down, not a fifth more or less."""
    monkeypatch.setattr(pause, "__defaults__", (lambda: 0.5,))


@pytest.fixture
def line(tmp_path: Path) -> Iterator[MakeLine]:
    """Makes a time line; all that happens in it is one transaction, so that it is fast."""
    database = open_database(StateUrl.parse("state.db", tmp_path))
    with database.begin() as connection:

        def make(text: str = "", *, channels: str = "chat", checks: str = "web db", **rules: dict[str, Any]) -> Line:
            return Line(database, connection, config_of(tmp_path, text, channels), checks, rules)

        yield make
    database.close()
