"""What a silence may fit, and for how long."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daytwo.core.errors import RefusedError, UsageError
from daytwo.respond.silences import Matchers, Silences
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from tests.respond.alerting.line import NOON, OWN

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("matchers", "everything"),
    [
        (Matchers(), True),
        (Matchers(rules=("*",)), True),
        (Matchers(rules=("**",), services=("?*",)), True),
        (Matchers(rules=("web", "*")), True),
        (Matchers(levels=("critical",)), True),
        (Matchers(levels=("warning", "info")), False),
        (Matchers(rules=("*",), services=("db",)), False),
        (Matchers(rules=("db.*",)), False),
        (Matchers(rules=("db.*",), levels=("critical",)), False),
    ],
)
def test_what_fits_every_alert_is_refused_unless_it_is_said(
    tmp_path: Path, matchers: Matchers, everything: bool
) -> None:
    assert matchers.everything is everything
    database, silences = open_database(StateUrl.parse("state.db", tmp_path)), Silences(*OWN)
    with database.begin() as connection:
        if everything:
            with pytest.raises(RefusedError, match="this silences every") as caught:
                silences.add(connection, matchers, HOUR, NOON, by="ann")
            assert "--yes" in caught.value.hint
            with pytest.raises(RefusedError, match="at most 24h"):
                silences.add(connection, matchers, 25 * HOUR, NOON, by="ann", everything=True)
        assert silences.add(connection, matchers, HOUR, NOON, by="ann", everything=everything).active(NOON)
    database.close()


@pytest.mark.parametrize(
    ("matchers", "length", "said"),
    [
        (Matchers(rules=("",)), HOUR, "1 to 200 characters"),
        (Matchers(rules=("x" * 201,)), HOUR, "1 to 200 characters"),
        (Matchers(rules=("x",) * 51), HOUR, "at most 50"),
        (Matchers(rules=("web",)), timedelta(), "more than nothing"),
        (Matchers(rules=("web",)), timedelta(days=367), "366 days"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, matchers: Matchers, length: timedelta, said: str) -> None:
    database = open_database(StateUrl.parse("state.db", tmp_path))
    with database.begin() as connection, pytest.raises(UsageError, match=said):
        Silences(*OWN).add(connection, matchers, length, datetime.now(UTC), by="ann")
    database.close()
