"""One-time links: once, in time, for whom they are."""

import asyncio
from functools import partial

import pytest

from daytwo.access.roles import Role
from daytwo.core.errors import NotFoundError, UsageError
from tests.access.people import BOSS, GOOD, HOME, Stage


def first(stage: Stage) -> str:
    link = stage.door.first_link()
    assert link
    return link.rpartition("/")[2]


def accept(stage: Stage, secret: str, name: str = "", password: str = GOOD):
    return asyncio.run(stage.door.accept(secret, name, password, HOME))


def test_the_first_link_makes_an_admin_once(stage: Stage) -> None:
    secret = first(stage)
    entry = accept(stage, secret, "Alice")
    visitor = stage.door.visitor(entry.secret)
    assert visitor and (visitor.session.user, visitor.role) == ("alice", Role.ADMIN)
    with pytest.raises(NotFoundError):
        accept(stage, secret, "mallory")
    assert stage.door.first_link() is None


def test_only_the_newest_first_link_works(stage: Stage) -> None:
    old = first(stage)
    new = first(stage)
    with pytest.raises(NotFoundError):
        accept(stage, old, "mallory")
    assert accept(stage, new, "alice")


def test_a_first_link_is_worth_nothing_once_there_is_a_user(stage: Stage) -> None:
    secret = first(stage)
    stage.user("alice", Role.ADMIN)
    with pytest.raises(NotFoundError):
        accept(stage, secret, "mallory")
    assert [one.name for one in stage.door.read(stage.door.users.all)] == ["alice"]


def test_a_link_that_leads_nowhere_is_told_to_who_only_looks(stage: Stage) -> None:
    links, door = stage.door.links, stage.door
    early = first(stage)
    assert door.read(links.waits_for_first)
    stage.user("alice", Role.ADMIN)
    assert not door.read(links.waits_for_first)
    invited, _ = door.do(lambda connection: links.invite(connection, "bob", Role.VIEWER, BOSS))
    stage.user("bob")
    forgotten, _ = door.do(lambda connection: links.reset(connection, "bob", BOSS))
    door.do(lambda connection: door.users.set_disabled(connection, "bob", True, BOSS))
    for secret, says in ((early, "an admin already"), (invited, "has been used"), (forgotten, "disabled")):
        with pytest.raises(NotFoundError, match=says):
            door.read(partial(links.get, secret=secret))


def test_a_withdrawn_link_leads_nowhere(stage: Stage) -> None:
    links, door = stage.door.links, stage.door
    secret, _ = door.do(lambda connection: links.invite(connection, "bob", Role.VIEWER, BOSS))
    assert [one.name for one in door.read(links.open)] == ["bob"]
    door.do(lambda connection: links.withdraw(connection, "bob", BOSS))
    with pytest.raises(NotFoundError):
        accept(stage, secret)
    assert (door.read(links.open), stage.actions()[-1]) == ((), "user.withdraw")


def test_an_expired_link_is_not_open(stage: Stage) -> None:
    first(stage)
    stage.clock.advance(86400)
    assert stage.door.read(stage.door.links.open) == ()
    assert not stage.door.read(stage.door.links.waits_for_first)


def test_two_who_follow_one_link_at_the_same_moment(stage: Stage) -> None:
    secret = first(stage)

    async def both() -> list[object]:
        tries = (stage.door.accept(secret, name, GOOD, HOME) for name in ("alice", "mallory"))
        return await asyncio.gather(*tries, return_exceptions=True)

    outcomes = asyncio.run(both())
    assert [isinstance(one, NotFoundError) for one in outcomes].count(True) == 1
    assert len(stage.door.read(stage.door.users.all)) == 1


def test_an_invitation_expires(stage: Stage) -> None:
    secret, _ = stage.door.do(lambda connection: stage.door.links.invite(connection, "bob", Role.VIEWER, BOSS))
    stage.clock.advance(3 * 86400)
    with pytest.raises(NotFoundError):
        accept(stage, secret)


def test_an_invitation_gives_its_name_and_role_and_no_other(stage: Stage) -> None:
    secret, _ = stage.door.do(lambda connection: stage.door.links.invite(connection, "bob", Role.VIEWER, BOSS))
    accept(stage, secret, "mallory")
    assert [(one.name, one.role) for one in stage.door.read(stage.door.users.all)] == [("bob", Role.VIEWER)]


def test_a_bad_password_does_not_use_the_link_up(stage: Stage) -> None:
    secret = first(stage)
    with pytest.raises(UsageError):
        accept(stage, secret, "alice", "short")
    with pytest.raises(UsageError):
        accept(stage, secret, "no name", GOOD)
    assert accept(stage, secret, "alice")


def test_a_reset_link_changes_the_password_and_ends_sessions(stage: Stage) -> None:
    stage.user("alice", Role.ADMIN)
    before = stage.login("alice")
    secret, _ = stage.door.do(lambda connection: stage.door.links.reset(connection, "alice", BOSS))
    accept(stage, secret, password="another long one")
    assert stage.door.visitor(before.secret) is None
    assert stage.login("alice", "another long one").role is Role.ADMIN
    with pytest.raises(NotFoundError):
        accept(stage, secret, password="yet another long one")


def test_a_reset_link_does_not_let_a_disabled_user_in(stage: Stage) -> None:
    stage.user("root", Role.ADMIN)
    stage.user("alice")
    secret, _ = stage.door.do(lambda connection: stage.door.links.reset(connection, "alice", BOSS))
    stage.door.do(lambda connection: stage.door.users.set_disabled(connection, "alice", True, BOSS))
    with pytest.raises(NotFoundError):
        accept(stage, secret)


@pytest.mark.parametrize("secret", ["", "x", "A" * 43, "\x00", "\ud800", "../../etc/passwd"])
def test_a_forged_link_is_not_found(stage: Stage, secret: str) -> None:
    first(stage)
    with pytest.raises(NotFoundError):
        accept(stage, secret, "mallory")
