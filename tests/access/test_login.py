"""Logging in: who guesses is slowed down, by address and by account, whatever they do about it."""

import asyncio
import threading
from unittest import mock

import pytest
import sqlalchemy as sa

from daytwo.access import passwords
from daytwo.access.entry import Caller
from daytwo.access.roles import Role
from daytwo.access.throttle import ACCOUNT, SOURCE, Pace
from daytwo.core.errors import AuthenticationError, ThrottledError
from daytwo.store.tables import attempts, security_events
from tests.access.people import BOSS, GOOD, HOME, Stage, staged


def fail(stage: Stage, name: str = "alice", caller: Caller = HOME) -> None:
    with pytest.raises(AuthenticationError):
        stage.login(name, "wrong", caller)


def throttled(stage: Stage, name: str = "alice", caller: Caller = HOME, password: str = GOOD) -> int:
    with pytest.raises(ThrottledError) as caught:
        stage.login(name, password, caller)
    return caught.value.retry_after


def rows(stage: Stage) -> int:
    query = sa.select(sa.func.count()).select_from(attempts)
    return int(stage.door.read(lambda connection: connection.execute(query).scalar_one()))


def strangers(count: int) -> list[Caller]:
    return [Caller(f"198.51.100.{number}") for number in range(1, count + 1)]


def test_the_right_password_begins_a_session(stage: Stage) -> None:
    stage.user("alice", Role.OPERATOR)
    entry = stage.login(" ALICE ")
    visitor = stage.door.visitor(entry.secret)
    assert visitor and (visitor.session.user, visitor.role) == ("alice", Role.OPERATOR)
    assert visitor.session.source == HOME.source
    assert stage.actions()[-1] == "login.ok"


def test_a_session_ends_by_itself(stage: Stage) -> None:
    stage.user("alice")
    entry = stage.login("alice")
    stage.clock.advance(12 * 3600 - 1)
    assert stage.door.visitor(entry.secret)
    stage.clock.advance(1)
    assert stage.door.visitor(entry.secret) is None
    assert stage.door.read(lambda connection: stage.door.sessions.who(connection, entry.secret)) is None


def test_each_login_has_a_new_secret_and_ends_the_session_before(stage: Stage) -> None:
    stage.user("alice")
    first = stage.login("alice")
    second = asyncio.run(stage.door.login("alice", GOOD, HOME, before=first.secret))
    assert first.secret != second.secret
    assert stage.door.visitor(first.secret) is None
    assert stage.door.visitor(second.secret)


@pytest.mark.parametrize("name", ["mallory", "al\x00ice", "", "x" * 500, "älice", "\ud800"])
def test_an_unknown_user_is_answered_like_a_wrong_password(stage: Stage, name: str) -> None:
    stage.user("alice")
    with pytest.raises(AuthenticationError) as unknown:
        stage.login(name, "wrong")
    with pytest.raises(AuthenticationError) as wrong:
        stage.login("alice", "wrong")
    assert str(unknown.value) == str(wrong.value)


def test_an_unknown_user_costs_a_hash_like_a_known_one(small: Stage) -> None:
    small.user("alice")
    small.user("gone")
    small.door.do(lambda connection: small.door.users.set_disabled(connection, "gone", True, BOSS))
    real = passwords._verify
    for name in ("alice", "mallory", "gone"):
        with mock.patch.object(passwords, "_verify", side_effect=real) as spy:
            fail(small, name)
        assert spy.call_count == 1 and spy.call_args[0][0].startswith("$argon2id$")


def test_nobody_s_hash_costs_what_a_new_one_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert not passwords.is_outdated(passwords.NOBODYS)
    assert passwords.MEMORY >= 47104  # OWASP, Password Storage Cheat Sheet, with one pass


def test_a_disabled_user_cannot_log_in(stage: Stage) -> None:
    stage.user("alice")
    stage.door.do(lambda connection: stage.door.users.set_disabled(connection, "alice", True, BOSS))
    with pytest.raises(AuthenticationError):
        stage.login("alice")


def test_who_is_disabled_while_the_password_is_checked_does_not_get_in(small: Stage) -> None:
    small.user("alice")
    real = passwords._verify

    def slow(hashed: str, password: str) -> bool:
        small.door.do(lambda connection: small.door.users.set_disabled(connection, "alice", True, BOSS))
        return real(hashed, password)

    with mock.patch.object(passwords, "_verify", slow), pytest.raises(AuthenticationError):
        small.login("alice")


def test_delays_double() -> None:
    pace = Pace(free=2, most=10, forgotten=60)
    assert [pace.delay(failures) for failures in range(8)] == [0, 0, 0, 1, 2, 4, 8, 10]
    assert pace.delay(10**9) == 10


def test_an_account_is_slowed_down_whatever_address_the_guesses_come_from(stage: Stage) -> None:
    stage.user("alice")
    callers = strangers(20)
    for caller in callers[: ACCOUNT.free + 1]:
        fail(stage, caller=caller)
    assert throttled(stage, caller=callers[10]) == 1
    stage.clock.advance(1)
    fail(stage, caller=callers[11])
    assert throttled(stage, caller=callers[12]) == 2


def test_an_address_is_slowed_down_whatever_account_it_guesses(stage: Stage) -> None:
    for number in range(SOURCE.free + 1):
        fail(stage, f"user{number}")
    stage.user("alice")
    assert throttled(stage) == 1


def test_made_up_names_do_not_fill_the_state(stage: Stage) -> None:
    for number in range(SOURCE.free + 1):
        fail(stage, f"user{number}")
    before = rows(stage)
    for number in range(20):
        throttled(stage, f"other{number}")
    assert rows(stage) == before


def test_one_ipv6_customer_is_one_address(small: Stage) -> None:
    for number in range(SOURCE.free + 1):
        fail(small, f"user{number}", Caller(f"2001:db8::{number:x}"))
    throttled(small, caller=Caller("2001:db8::ffff"))
    small.user("alice")
    assert small.login("alice", caller=Caller("2001:db8:0:1::1"))


def test_the_throttle_survives_a_restart(stage: Stage) -> None:
    stage.user("alice")
    for caller in strangers(ACCOUNT.free + 1):
        fail(stage, caller=caller)
    with staged(stage.url, stage.clock) as again:
        assert throttled(again) == 1


def test_a_throttled_try_is_not_looked_at_and_does_not_lengthen_the_wait(stage: Stage) -> None:
    stage.user("alice")
    for caller in strangers(ACCOUNT.free + 1):
        fail(stage, caller=caller)
    with mock.patch.object(passwords, "_verify") as spy:
        for _ in range(5):
            assert throttled(stage) == 1
    assert spy.call_count == 0
    stage.clock.advance(1)
    assert stage.login("alice")


def test_tries_at_the_same_moment_are_all_counted(small: Stage) -> None:
    small.user("alice")
    outcomes: list[str] = []
    gate = threading.Event()

    def slow(hashed: str, password: str) -> bool:
        gate.wait(10)
        return False

    async def one(caller: Caller) -> None:
        try:
            await small.door.login("alice", "wrong", caller)
        except AuthenticationError:
            outcomes.append("looked at")
        except ThrottledError:
            outcomes.append("throttled")
            if outcomes.count("throttled") == 30 - ACCOUNT.free - 1:
                gate.set()

    async def together() -> None:
        await asyncio.gather(*(one(caller) for caller in strangers(30)))

    with mock.patch.object(passwords, "_verify", slow):
        asyncio.run(together())
    assert outcomes.count("looked at") == ACCOUNT.free + 1


def test_f36_strangers_cannot_keep_an_admin_out_who_has_been_here_before(stage: Stage) -> None:
    stage.user("alice", Role.ADMIN)
    stage.login("alice")
    for caller in strangers(ACCOUNT.free + 1):
        fail(stage, caller=caller)
    throttled(stage, caller=Caller("203.0.113.9"))
    assert stage.login("alice")


def test_one_s_own_login_does_not_pardon_guesses_at_others(small: Stage) -> None:
    small.user("mallory")
    with pytest.raises(ThrottledError):
        for number in range(SOURCE.free + 2):
            fail(small, f"user{number}")
            small.login("mallory")


def test_a_success_forgets_an_account_s_failures(stage: Stage) -> None:
    stage.user("alice")
    for _ in range(2):
        for caller in strangers(ACCOUNT.free):
            fail(stage, caller=caller)
        stage.login("alice", caller=Caller("203.0.113.9"))


def test_failures_are_forgotten_after_a_quiet_time(small: Stage) -> None:
    small.user("alice")
    for _ in range(2):
        for number in range(SOURCE.free):
            fail(small, f"user{number}")
        small.clock.advance(SOURCE.forgotten + 1)
    assert small.login("alice")


def test_f34_a_clock_set_back_makes_nobody_wait_for_longer_than_was_meant(small: Stage) -> None:
    small.user("alice")
    for caller in strangers(ACCOUNT.free + 1):
        fail(small, caller=caller)
    small.clock.advance(-365 * 86400)
    assert throttled(small) == ACCOUNT.most
    small.clock.advance(ACCOUNT.most)
    assert small.login("alice")


def test_failed_and_throttled_logins_are_in_the_record(stage: Stage) -> None:
    stage.user("alice")
    for caller in strangers(ACCOUNT.free + 1):
        fail(stage, caller=caller)
    for _ in range(3):
        throttled(stage, caller=Caller("203.0.113.9"))
    stage.clock.advance(1)
    fail(stage, caller=Caller("203.0.113.9"))
    events = [(one.action, one.subject, one.outcome) for one in stage.events() if one.action.startswith("login")]
    failed, refused = ("login.fail", "alice", "failed"), ("login.throttle", "alice", "refused")
    assert events == [*[failed] * (ACCOUNT.free + 1), refused, refused, failed]
    assert '"tries":3' in stage.events()[-2].detail.replace(" ", "")


def test_a_password_typed_where_the_name_belongs_is_written_nowhere(small: Stage) -> None:
    fail(small, "my secret passphrase")
    assert "passphrase" not in small.everything()
    assert (small.events()[-1].action, small.events()[-1].actor) == ("login.fail", "unknown")


def test_an_old_hash_is_made_anew_at_login(small: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    small.user("alice")
    before = small.door.read(lambda connection: small.door.users.password(connection, "alice"))
    monkeypatch.setattr(passwords, "PASSES", 2)
    small.login("alice")
    after = small.door.read(lambda connection: small.door.users.password(connection, "alice"))
    assert "t=1" in before and "t=2" in after
    assert small.login("alice")


def test_one_s_own_password_is_changed_only_with_the_old_one(stage: Stage) -> None:
    stage.user("alice")
    before = stage.login("alice")
    with pytest.raises(AuthenticationError):
        asyncio.run(stage.door.change_password("alice", "wrong", "another long one", HOME))
    after = asyncio.run(stage.door.change_password("alice", GOOD, "another long one", HOME))
    assert stage.door.visitor(before.secret) is None
    assert stage.door.visitor(after.secret)
    with pytest.raises(AuthenticationError):
        stage.login("alice")
    assert stage.login("alice", "another long one")


def test_f31_argon2_is_not_loaded_before_a_password_is_checked() -> None:
    import subprocess
    import sys

    code = "import sys, daytwo.access.door; sys.exit('argon2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_refused_logins_are_security_events(stage: Stage) -> None:
    """Each that failed, and each that was not looked at, once; never the name that somebody typed and nobody has."""
    stage.user("alice")
    for _ in range(ACCOUNT.free + 1):
        fail(stage)
    for _ in range(3):
        throttled(stage)
    stage.clock.advance(ACCOUNT.most)
    fail(stage)
    fail(stage, "hunter2-typed-as-name", Caller("local"))
    with stage.database.read() as connection:
        query = sa.select(security_events).order_by(security_events.c.id)
        found = [
            (one["kind"], one["source"], one["via"], one["user"], one["count"])
            for one in connection.execute(query).mappings()
        ]
    assert {one[:3] for one in found} == {("auth_failure", HOME.source, "daytwo"), ("auth_failure", "", "daytwo")}
    assert {one[3] for one in found} == {"alice", ""}
    assert sum(one[4] for one in found) == ACCOUNT.free + 1 + 3 + 1 + 1
