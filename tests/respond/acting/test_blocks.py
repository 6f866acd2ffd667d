"""What should be shut out, and keeping the blocker in line with it."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from daytwo.access.roles import Principal, Role, Via
from daytwo.core.blocker import network_of
from daytwo.core.errors import NotFoundError, RefusedError, UsageError
from daytwo.respond.actions.blocks import Block
from daytwo.serve import actor as part
from daytwo.serve.pulse import Pulse
from tests.respond.acting.conftest import CONFIG, App, NotingBlocker, config_in

ADA = Principal("ada", Via.SESSION, Role.OPERATOR, source="192.0.2.7")
HOUR = timedelta(hours=1)


def add(app: App, address: str, span: timedelta = HOUR, who: Principal = ADA) -> Block:
    with app.stage.database.begin() as connection:
        return app.desk.add(connection, address, span, "scans", who, app.clock())


def remove(app: App, address: str) -> Block:
    with app.stage.database.begin() as connection:
        return app.desk.remove(connection, address, ADA, app.clock())


@pytest.fixture
def blocker(monkeypatch: pytest.MonkeyPatch) -> NotingBlocker:
    made = NotingBlocker()
    monkeypatch.setattr(part, "blocker_of", lambda config: made)
    return made


def daemon(app: App) -> part.ActorPart:
    return part.ActorPart(Pulse(), lambda: app.config, app.stage.writer, app.actor, app.desk, app.clock)


def tick(one: part.ActorPart) -> str:
    return asyncio.run(one.tick())


def test_it_is_shut_out_and_let_in_again_when_its_time_is_over(app: App, blocker: NotingBlocker) -> None:
    add(app, "203.0.113.7")
    running = daemon(app)
    tick(running)
    assert list(blocker.there) == ["203.0.113.7"]
    assert blocker.calls == ["block 203.0.113.7 3600"]
    app.clock.advance(3601)
    tick(running)
    tick(running)
    assert blocker.calls == ["block 203.0.113.7 3600", "unblock 203.0.113.7"]
    assert app.blocked() == []


def test_again_makes_it_longer_never_shorter(app: App, blocker: NotingBlocker) -> None:
    first = add(app, "203.0.113.7", 2 * HOUR)
    again = add(app, "203.0.113.7", HOUR)
    assert (again.id, again.until) == (first.id, first.until)
    longer = add(app, "203.0.113.7", 5 * HOUR)
    assert longer.until - app.clock() == 5 * HOUR
    tick(daemon(app))
    assert blocker.calls == ["block 203.0.113.7 18000"]


def test_a_daemon_that_starts_tells_the_blocker_anew(app: App, blocker: NotingBlocker) -> None:
    add(app, "203.0.113.7")
    tick(daemon(app))
    blocker.there.clear()  # the machine was started anew
    app.clock.advance(600)

    async def run() -> None:
        running = daemon(app)
        work = asyncio.create_task(running.work())
        while not blocker.there:
            await asyncio.sleep(0.01)
        running.stop()
        await work

    asyncio.run(asyncio.wait_for(run(), 20))
    assert blocker.calls[-1] == "block 203.0.113.7 3000"


def test_a_firewall_that_was_loaded_anew_is_told_within_a_minute(app: App, blocker: NotingBlocker) -> None:
    add(app, "203.0.113.7")
    add(app, "203.0.113.8")
    running = daemon(app)
    tick(running)
    del blocker.there["203.0.113.7"]
    app.clock.advance(61)
    tick(running)
    assert sorted(blocker.there) == ["203.0.113.7", "203.0.113.8"]
    assert len(blocker.calls) == 3


def test_a_firewall_that_forgot_everything_is_told_where_it_can_tell(app: App, blocker: NotingBlocker) -> None:
    add(app, "203.0.113.7")
    running = daemon(app)
    tick(running)
    blocker.there.clear()
    blocker.mute = True
    app.clock.advance(61)
    tick(running)
    assert len(blocker.calls) == 1, "one that cannot tell has not said that nothing is there"
    blocker.mute = False
    app.clock.advance(61)
    tick(running)
    assert list(blocker.there) == ["203.0.113.7"]


def test_f36_what_is_allowed_later_is_let_in(app: App, blocker: NotingBlocker, tmp_path: Path) -> None:
    add(app, "203.0.113.7")
    add(app, "203.0.113.8")
    running = daemon(app)
    tick(running)
    app.config = config_in(tmp_path, CONFIG.replace("198.51.100.0/24", "203.0.113.7"))
    tick(running)
    assert list(blocker.there) == ["203.0.113.8"]
    assert [(one.action, one.subject, one.actor) for one in app.stage.events()][-1] == (
        "block.remove", "203.0.113.7", "blocking.allow"
    )  # fmt: skip


def test_two_daemons_act_once(app: App, blocker: NotingBlocker) -> None:
    app.finding("auth_failure")
    app.finding("rate_limit", "203.0.113.8")

    async def both() -> None:
        one, other = daemon(app), daemon(app)
        await asyncio.gather(one.tick(), other.tick())
        await asyncio.gather(one.tick(), other.tick())

    asyncio.run(both())
    assert app.blocked() == ["203.0.113.7"]
    assert len(app.messages()) == 1
    assert [one[3] for one in app.acts()] == ["done", "done"]
    assert set(blocker.calls) == {"block 203.0.113.7 3600"}, "to tell the blocker twice is harmless"


def test_a_blocker_that_fails_is_tried_again_and_shown(app: App, blocker: NotingBlocker) -> None:
    add(app, "203.0.113.7")
    blocker.fails = True
    running = daemon(app)
    assert "nft says no" in tick(running)
    with app.stage.database.read() as connection:
        (row,) = app.desk.active(connection)
    assert "nft says no" in row.error and row.applied is None
    blocker.fails = False
    assert tick(running) == ""
    with app.stage.database.read() as connection:
        (row,) = app.desk.active(connection)
    assert row.error == "" and row.applied is not None


def test_f36_nobody_shuts_themselves_out(app: App) -> None:
    with pytest.raises(RefusedError, match="whoever asks used this daemon"):
        add(app, "192.0.2.0/24")


def test_only_people_who_are_meant_can_be_refused(app: App) -> None:
    with pytest.raises(RefusedError, match="overlaps with"):
        add(app, "203.0.113.7")
        add(app, "203.0.113.0/24")
    with pytest.raises(UsageError, match="is no address"):
        add(app, "203.0.113.7; reboot")
    for span in (timedelta(seconds=5), timedelta(days=31)):
        with pytest.raises(UsageError, match="1 minute to 30 days"):
            add(app, "203.0.113.9", span)
    with pytest.raises(NotFoundError, match="is not shut out"):
        remove(app, "203.0.113.99")
    assert app.blocked() == ["203.0.113.7"]


def test_it_is_audited_with_who_and_from_where(app: App) -> None:
    add(app, "203.0.113.7")
    remove(app, "203.0.113.7")
    told = [(one.action, one.subject, one.actor, one.source) for one in app.stage.events()]
    assert told == [
        ("block.add", "203.0.113.7", "ada", "192.0.2.7"), ("block.remove", "203.0.113.7", "ada", "192.0.2.7")
    ]  # fmt: skip


def test_what_is_made_longer_while_the_blocker_works_is_told_anew(app: App, blocker: NotingBlocker) -> None:
    block = add(app, "203.0.113.7", HOUR)
    add(app, "203.0.113.7", 3 * HOUR)
    with app.stage.database.begin() as connection:
        app.desk.told(connection, block, app.clock())  # it was told of the row as it was before
    tick(daemon(app))
    assert blocker.calls == ["block 203.0.113.7 10800"]


def test_what_a_dead_daemon_had_shut_out_is_let_in_when_its_time_was_over_meanwhile(
    app: App, blocker: NotingBlocker
) -> None:
    """A proxy that is told by commands keeps an address out until it is told otherwise."""
    add(app, "203.0.113.7")
    tick(daemon(app))
    app.clock.advance(7200)

    async def run() -> None:
        running = daemon(app)
        work = asyncio.create_task(running.work())
        while blocker.there:
            await asyncio.sleep(0.01)
        running.stop()
        await work

    asyncio.run(asyncio.wait_for(run(), 20))
    assert blocker.calls == ["block 203.0.113.7 3600", "unblock 203.0.113.7"]


def test_what_is_made_longer_and_removed_before_the_blocker_hears_of_it_is_let_in(
    app: App, blocker: NotingBlocker
) -> None:
    add(app, "203.0.113.7")
    running = daemon(app)
    tick(running)
    add(app, "203.0.113.7", 3 * HOUR)
    remove(app, "203.0.113.7")
    tick(running)
    assert blocker.there == {}


def test_a_blocker_that_failed_half_way_is_told_to_let_in(app: App, blocker: NotingBlocker) -> None:
    add(app, "203.0.113.7")
    blocker.fails = True
    running = daemon(app)
    tick(running)
    blocker.there["203.0.113.7"] = app.clock()  # the first of its two proxies had taken it
    remove(app, "203.0.113.7")
    blocker.fails = False
    tick(running)
    assert blocker.there == {}


def test_what_is_removed_while_the_blocker_shuts_it_out_is_let_in(app: App, blocker: NotingBlocker) -> None:
    block = add(app, "203.0.113.7")
    blocker.block(network_of(block.network), block.until, app.clock())
    remove(app, "203.0.113.7")
    with app.stage.database.begin() as connection:
        app.desk.told(connection, block, app.clock())  # the blocker was told before, and is done now
    tick(daemon(app))
    assert blocker.there == {}
