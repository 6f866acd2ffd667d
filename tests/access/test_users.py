"""Users: names, passwords, roles; the last admin; what ends when somebody may no longer do what they could."""

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from daytwo.access.names import password_for, user_name
from daytwo.access.roles import Role
from daytwo.access.users import Users
from daytwo.core.errors import ConflictError, NotFoundError, RefusedError, UsageError
from tests.access.people import BOSS, GOOD, Stage, staged


@pytest.mark.parametrize("name", ["", " ", "-x", ".x", "a b", "a/b", "a\x00b", "ä", "x" * 64, "a\nb", "@ops"])
def test_a_name_that_could_mislead_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        user_name(name)


def test_names_are_kept_in_small_letters() -> None:
    assert user_name(" Alice@Example.org ") == "alice@example.org"


@pytest.mark.parametrize("password", ["", "short", "elevenchars", "alice-in-wonderland", "ALICE-IN-WONDERLAND"])
def test_a_password_is_long_and_not_the_name(password: str) -> None:
    with pytest.raises(UsageError):
        password_for("alice-in-wonderland", password)


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "twelve chars", "пароль из слов", "x" * 1000])
def test_there_are_no_other_rules_for_passwords(password: str) -> None:
    assert password_for("alice", password) == password


def test_accents_are_the_same_however_they_were_typed(small: Stage) -> None:
    small.user("alice", password="caf\u00e9 caf\u00e9 caf\u00e9")
    assert small.login("alice", "cafe\u0301 cafe\u0301 cafe\u0301")


def test_two_users_cannot_have_one_name(stage: Stage) -> None:
    stage.user("alice", Role.ADMIN)
    with pytest.raises(ConflictError):
        stage.user("Alice")
    with pytest.raises(ConflictError):
        stage.door.do(lambda connection: stage.door.links.invite(connection, "ALICE", Role.ADMIN, BOSS))
    assert [one.role for one in stage.door.read(stage.door.users.all)] == [Role.ADMIN]


Act = Callable[[Users, sa.Connection], object]
ACTS: dict[str, Act] = {
    "remove": lambda users, connection: users.remove(connection, "alice", BOSS),
    "demote": lambda users, connection: users.set_role(connection, "alice", Role.OPERATOR, BOSS),
    "disable": lambda users, connection: users.set_disabled(connection, "alice", True, BOSS),
}


@pytest.mark.parametrize("act", ACTS)
def test_the_last_admin_stays(stage: Stage, act: str) -> None:
    stage.user("alice", Role.ADMIN)
    stage.user("bob", Role.OPERATOR)
    stage.user("carol", Role.ADMIN)
    stage.door.do(lambda connection: stage.door.users.set_disabled(connection, "carol", True, BOSS))
    with pytest.raises(RefusedError, match="the last admin"):
        stage.door.do(lambda connection: ACTS[act](stage.door.users, connection))
    assert stage.door.read(lambda connection: stage.door.users.get(connection, "alice")).role is Role.ADMIN


def test_two_admins_cannot_remove_each_other_at_the_same_moment(stage: Stage) -> None:
    stage.user("alice", Role.ADMIN)
    stage.user("bob", Role.ADMIN)
    barrier, outcomes = threading.Barrier(2), []

    def remove(one: Stage, name: str) -> None:
        barrier.wait()
        try:
            one.door.do(lambda connection: one.door.users.remove(connection, name, BOSS))
            outcomes.append("removed")
        except RefusedError:
            outcomes.append("refused")

    with staged(stage.url, stage.clock) as other:  # as another process
        threads = [threading.Thread(target=remove, args=args) for args in ((stage, "alice"), (other, "bob"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["refused", "removed"]


@pytest.mark.parametrize("act", ["role", "disable", "password", "remove"])
def test_sessions_end_at_once(stage: Stage, act: str) -> None:
    stage.user("root", Role.ADMIN)
    stage.user("alice", Role.OPERATOR)
    entry = stage.login("alice")
    assert stage.door.visitor(entry.secret)  # and now it is remembered
    users, hashed = stage.door.users, stage.door.hash("alice", GOOD + "!")
    acts: dict[str, Act] = {
        "role": lambda users, connection: users.set_role(connection, "alice", Role.VIEWER, BOSS),
        "disable": lambda users, connection: users.set_disabled(connection, "alice", True, BOSS),
        "password": lambda users, connection: users.set_password(connection, "alice", hashed, BOSS),
        "remove": lambda users, connection: users.remove(connection, "alice", BOSS),
    }
    stage.door.do(lambda connection: acts[act](users, connection))
    assert stage.door.known(entry.secret) is None
    assert stage.door.visitor(entry.secret) is None


def test_every_change_is_in_the_record(stage: Stage) -> None:
    stage.user("root", Role.ADMIN)
    stage.user("alice")
    users = stage.door.users
    stage.door.do(lambda connection: users.set_role(connection, "alice", Role.ADMIN, BOSS))
    stage.door.do(lambda connection: users.set_disabled(connection, "alice", True, BOSS))
    stage.door.do(lambda connection: users.set_disabled(connection, "alice", False, BOSS))
    stage.door.do(lambda connection: users.remove(connection, "alice", BOSS))
    wanted = ["user.add", "user.add", "user.role", "user.disable", "user.enable", "user.remove"]
    assert stage.actions() == wanted
    assert {(one.actor, one.via) for one in stage.events()} == {("root@box", "cli")}


def test_what_changes_nothing_is_not_recorded_and_ends_nothing(small: Stage) -> None:
    small.user("alice", Role.ADMIN)
    entry = small.login("alice")
    before = small.actions()
    small.door.do(lambda connection: small.door.users.set_role(connection, "alice", Role.ADMIN, BOSS))
    small.door.do(lambda connection: small.door.users.set_disabled(connection, "alice", False, BOSS))
    assert small.actions() == before
    assert small.door.visitor(entry.secret)


@pytest.mark.parametrize("act", ACTS)
def test_an_unknown_user_is_not_found(small: Stage, act: str) -> None:
    with pytest.raises(NotFoundError):
        small.door.do(lambda connection: ACTS[act](small.door.users, connection))


@pytest.mark.parametrize("name", ["al\x00ice", "\ud800", "ä"])
def test_what_cannot_be_a_name_is_not_found_in_any_database(stage: Stage, name: str) -> None:
    with pytest.raises(NotFoundError):
        stage.door.read(lambda connection: stage.door.users.get(connection, name))
    assert stage.door.do(lambda connection: stage.door.sessions.end(connection, name, "alice")) is False
    with pytest.raises(NotFoundError):
        stage.door.do(lambda connection: stage.door.tokens.revoke(connection, name, BOSS))
