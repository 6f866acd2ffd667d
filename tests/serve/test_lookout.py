"""The part that asks: what it does when the state cannot be written."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.core.check import Around, Check, Observation, Timing
from daytwo.serve.lookout import Lookout
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer
from daytwo.watch.numbers import Numbers, Point
from daytwo.watch.observations import Observations
from daytwo.watch.prober import Answer
from daytwo.watch.rules import Book, Evaluator, Transition

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Web(Check):
    about = "nothing"

    async def probe(self, around: Around) -> Observation:
        raise AssertionError("nobody asks it here")


class Unwritable(Lookout):
    """Stand-in for a state that takes nothing."""

    def _take(self, connection: sa.Connection, answers: Sequence[Answer], own: Sequence[Point]) -> list[Transition]:
        raise sa.exc.OperationalError("insert", {}, Exception("database or disk is full"))


@pytest.mark.parametrize(("waiting", "kept"), [(3, 3), (60_000, 60_000), (100_007, 100_000)])
def test_f35_what_cannot_be_written_waits_and_the_oldest_goes_first(tmp_path: Path, waiting: int, kept: int) -> None:
    config = tmp_path / "daytwo.yaml"
    config.write_text("app: shop\ntimezone: UTC\nservices: {data: {kind: files, path: data}}\n")
    database = open_database(StateUrl.parse("state.db", tmp_path))
    own = ("shop", "production")
    observations, numbers = Observations(database, *own), Numbers(database, *own)
    check = Web("web", "web", Timing())
    with Writer(database) as writer:
        lookout = Unwritable(
            Pulse(), Site(config), lambda config: {}, observations, numbers, Evaluator(Book(*own), numbers), writer,
            lambda: NOON,
        )  # fmt: skip
        lookout._answers = [Answer(check, Observation.ok({"number": float(n)}), NOON) for n in range(waiting)]
        assert "wait to be written" in asyncio.run(lookout._write(()))
    database.close()
    assert len(lookout._answers) == kept
    assert lookout._answers[-1].observation.numbers["number"] == waiting - 1
