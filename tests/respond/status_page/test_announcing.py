"""What users are told of an incident without anybody writing it: that it is open, over, or open again."""

from pathlib import Path

import sqlalchemy as sa

from daytwo.config import ConfigFileError, load
from daytwo.respond.incidents import orders
from daytwo.store.tables import status_updates
from tests.respond.status_page.stage import ANN, CONFIG, Stage, staged

MAJOR = "incidents: {severities: {P1: {public: true, announce: true}, P2: {public: true}, P3: {}}}\n"


def subscribed(stage: Stage) -> None:
    with stage.database.begin() as connection:
        stage.subscribers.add(connection, "eve@example.com", ANN, stage.clock())


def told(stage: Stage) -> list[tuple[str, str]]:
    """The mails."""
    stage.spread()
    stage.spread()
    return [(one.message.title, one.message.text) for one in stage.mails()]


def resolve(stage: Stage, number: int) -> None:
    stage.act(number, orders.Resolve(cause="disk db-internal-7 was full", anyway=True))


def test_a_major_incident_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    with staged(tmp_path, CONFIG + MAJOR) as stage:
        subscribed(stage)
        number = stage.incident("Orders fail", severity="P1", services=("web",))
        assert told(stage) == [("Investigating: Orders fail", "We are looking into a disturbance of Shop front.")]
        stage.clock.advance(60)
        stage.act(number, orders.Update(phase="identified", text="The disk is full."))
        stage.clock.advance(60)
        resolve(stage, number)
        assert [title for title, _ in told(stage)[1:]] == ["Identified: Orders fail", "Resolved: Orders fail"]
        assert told(stage)[2][1] == "This is over: Shop front works again. We are sorry for the trouble."
        assert "db-internal-7" not in str(told(stage)), "the cause is for the team"
        stage.clock.advance(60)
        stage.act(number, orders.Reopen(why="it fails again"))
        assert [title for title, _ in told(stage)[3:]] == ["Investigating: Orders fail"]
        assert [one.title for one in stage.view().current] == ["Orders fail"]


def test_of_others_nobody_is_told_before_somebody_writes(tmp_path: Path) -> None:
    with staged(tmp_path, CONFIG + MAJOR) as stage:
        subscribed(stage)
        quiet, hidden = stage.incident(severity="P2"), stage.incident(severity="P3")
        stage.clock.advance(60)
        for number in (quiet, hidden):
            resolve(stage, number)
        assert told(stage) == [], "who heard nothing of its beginning hears nothing of its end"
        number = stage.incident("Slow", severity="P2")
        stage.act(number, orders.Update(phase="investigating", text="It is slow."))
        stage.clock.advance(60)
        resolve(stage, number)
        assert [title for title, _ in told(stage)] == ["Investigating: Slow", "Resolved: Slow"]


def test_what_somebody_wrote_or_withdrew_is_not_said_again(tmp_path: Path) -> None:
    with staged(tmp_path, CONFIG + MAJOR) as stage:
        number = stage.incident(severity="P1")
        stage.act(number, orders.Update(phase="resolved", text="It is over."))
        stage.clock.advance(1)
        resolve(stage, number)
        stage.spread()
        assert states(stage) == ["resolved"]
        other = stage.incident(severity="P1")
        stage.spread()
        stage.clock.advance(60)
        resolve(stage, other)
        stage.spread()
        with stage.database.begin() as connection:
            stage.desk.withdraw(connection, stage.desk.latest(connection, 1)[0].number, ANN, stage.clock())
        stage.spread()
        assert states(stage) == ["resolved", "investigating", "resolved"]


def test_what_was_over_while_no_daemon_ran_is_no_news(tmp_path: Path) -> None:
    with staged(tmp_path, CONFIG + MAJOR) as stage:
        number = stage.incident(severity="P1")
        stage.spread()
        resolve(stage, number)
        stage.clock.advance(3700)
        stage.spread()
        assert states(stage) == ["investigating"]
        assert stage.view().current == (), "the page says that it is over all the same"


def test_only_what_is_public_can_be_announced(tmp_path: Path) -> None:
    (tmp_path / "daytwo.yaml").write_text(
        "app: shop\nservices: {db: {kind: files, path: data}}\nincidents: {severities: {P1: {announce: true}}}\n"
    )
    try:
        load(tmp_path / "daytwo.yaml")
    except ConfigFileError as error:
        assert "only what is public can be announced" in str(error)
    else:
        raise AssertionError("it was taken")


def states(stage: Stage) -> list[str]:
    with stage.database.read() as connection:
        return list(connection.execute(sa.select(status_updates.c.state).order_by(status_updates.c.id)).scalars())
