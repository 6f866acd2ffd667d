"""API tokens: shown once, kept as a digest; expired, revoked, truncated and forged ones are refused."""

import dataclasses

import pytest

from daytwo.access.names import token_name
from daytwo.access.roles import Principal, Role, Via
from daytwo.access.tokens import Token
from daytwo.core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from tests.access.people import BOSS, Stage, staged


def _the_one(stage: Stage) -> Token:
    (found,) = stage.door.read(stage.door.tokens.all)
    return found


def test_a_token_opens_the_door_until_it_expires(stage: Stage) -> None:
    secret = stage.token(role=Role.OPERATOR, areas=frozenset({"runs"}), lasts=90.0)
    found = stage.door.token(secret)
    assert found and (found.name, found.role, found.areas) == ("grafana", Role.OPERATOR, frozenset({"runs"}))
    stage.clock.advance(89)
    assert stage.door.token(secret)
    stage.clock.advance(1)  # remembered, but over
    assert stage.door.known(secret) is None
    assert stage.door.token(secret) is None


def test_a_revoked_token_is_refused_at_once(stage: Stage) -> None:
    secret = stage.token()
    assert stage.door.token(secret)
    stage.door.do(lambda connection: stage.door.tokens.revoke(connection, "grafana", BOSS))
    assert stage.door.token(secret) is None
    assert stage.actions() == ["token.create", "token.revoke"]


def test_a_token_that_another_process_revoked_is_refused_after_three_seconds(stage: Stage) -> None:
    secret, now = stage.token(), [0.0]
    stage.door._tokens_seen._monotonic = lambda: now[0]
    assert stage.door.token(secret)
    with staged(stage.url, stage.clock) as other:
        other.door.do(lambda connection: other.door.tokens.revoke(connection, "grafana", BOSS))
    now[0] = 3.0
    assert stage.door.token(secret) is None


@pytest.mark.parametrize(
    "forge", [lambda s: s[:-1], lambda s: s + "A", lambda s: s[3:], lambda s: s.upper(), lambda s: "dt_" + "A" * 43]
)
def test_a_forged_or_truncated_token_is_refused(small: Stage, forge) -> None:
    secret = small.token()
    assert small.door.token(secret)
    assert small.door.token(forge(secret)) is None


def test_no_secret_is_in_the_state(small: Stage) -> None:
    small.user("alice", Role.ADMIN)
    secrets = [small.token(), small.login("alice").secret]
    secrets += [small.door.do(lambda connection: small.door.links.invite(connection, "bob", Role.VIEWER, BOSS))[0]]
    secrets += [small.door.do(lambda connection: small.door.links.reset(connection, "alice", BOSS))[0]]
    held = small.everything()
    assert "grafana" in held and "alice" in held
    for secret in [*secrets, "correct horse"]:
        assert secret not in held


def test_the_same_name_again_only_after_the_first_has_ended(stage: Stage) -> None:
    stage.token()
    with pytest.raises(ConflictError):
        stage.token()
    stage.door.do(lambda connection: stage.door.tokens.revoke(connection, "grafana", BOSS))
    stage.token()
    assert [one.state(stage.clock()) for one in stage.door.read(stage.door.tokens.all)] == ["revoked", "active"]


def test_the_last_use_is_written_once_a_minute(stage: Stage) -> None:
    secret = stage.token()

    def use(source: str) -> tuple[object, str]:
        found = stage.door.token(secret)
        assert found
        stage.door.touch(found, source)
        stage.writer.run(lambda connection: None)  # after what was submitted before
        one = _the_one(stage)
        return one.used, one.used_from

    begun = stage.clock()
    assert use("192.0.2.1") == (begun, "192.0.2.1")
    stage.clock.advance(59)
    assert use("192.0.2.2") == (begun, "192.0.2.1")
    stage.clock.advance(1)
    assert use("192.0.2.3") == (stage.clock(), "192.0.2.3")


LIMITED = dataclasses.replace(BOSS, areas=frozenset({"tokens", "runs"}), via=Via.TOKEN)


@pytest.mark.parametrize(
    ("by", "role", "areas"),
    [
        (Principal("op", Via.TOKEN, Role.OPERATOR), Role.ADMIN, frozenset()),
        (LIMITED, Role.VIEWER, frozenset()),
        (LIMITED, Role.VIEWER, frozenset({"runs", "users"})),
    ],
)
def test_nobody_makes_a_token_that_may_do_more(small: Stage, by: Principal, role: Role, areas: frozenset[str]) -> None:
    with pytest.raises(ForbiddenError):
        small.door.do(lambda connection: small.door.tokens.create(connection, "x", role, by, areas=areas))
    assert small.door.read(small.door.tokens.all) == ()


def test_a_limited_token_may_make_one_that_is_limited_as_much(small: Stage) -> None:
    areas = frozenset({"runs"})
    assert small.door.do(lambda connection: small.door.tokens.create(connection, "x", Role.ADMIN, LIMITED, areas=areas))


@pytest.mark.parametrize("lasts", [0.0, -1.0, 11 * 365 * 86400.0])
def test_a_token_lasts_for_a_time_that_makes_sense(small: Stage, lasts: float) -> None:
    with pytest.raises(UsageError):
        small.token(lasts=lasts)


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "x" * 64, "é"])
def test_a_token_s_name_is_checked(name: str) -> None:
    with pytest.raises(UsageError):
        token_name(name)


def test_an_unknown_token_cannot_be_revoked(small: Stage) -> None:
    with pytest.raises(NotFoundError):
        small.door.do(lambda connection: small.door.tokens.revoke(connection, "nothing", BOSS))


def test_what_was_read_before_a_change_is_not_remembered_after_it(small: Stage) -> None:
    recall = small.door._tokens_seen
    secret = small.token()
    token = small.door.token(secret)
    recall.clear()

    def find() -> Token | None:
        recall.clear()  # the change, between the look and the remembering
        return token

    assert recall.look_up("key", find) is token
    assert recall.get("key") is None
