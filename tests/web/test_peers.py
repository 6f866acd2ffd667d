"""The Unix socket: who calls, by the kernel's word."""

import grp
import os
import pwd

import pytest

from daytwo.access.roles import Role
from daytwo.core.errors import ForbiddenError
from daytwo.web.peers import local
from tests.web.conftest import Build, World

NOBODY = pwd.getpwnam("nobody")
GROUP = grp.getgrgid(NOBODY.pw_gid).gr_name
UNKNOWN = 3_999_999


@pytest.mark.parametrize("uid", sorted({0, os.geteuid()}))
def test_root_and_the_daemon_s_own_user_are_admins(uid: int) -> None:
    assert local(uid, uid, {}).role is Role.ADMIN


@pytest.mark.parametrize(
    ("roles", "wanted"),
    [
        ({"nobody": "operator"}, Role.OPERATOR),
        ({f"@{GROUP}": "viewer"}, Role.VIEWER),
        ({f"@{GROUP}": "admin", "nobody": "viewer"}, Role.VIEWER),
    ],
)
def test_others_have_the_role_that_the_configuration_gives(roles: dict[str, str], wanted: Role) -> None:
    who = local(NOBODY.pw_uid, NOBODY.pw_gid, roles)
    assert (who.role, who.name) == (wanted, "nobody")


@pytest.mark.parametrize("roles", [{}, {GROUP + "x": "admin"}, {"@nobody-else": "admin"}, {"root": "admin"}])
def test_who_is_not_named_is_refused(roles: dict[str, str]) -> None:
    with pytest.raises(ForbiddenError):
        local(NOBODY.pw_uid, NOBODY.pw_gid, roles)


def test_a_group_s_name_is_not_a_user_s() -> None:
    daemon = pwd.getpwnam("daemon")
    with pytest.raises(ForbiddenError):
        local(NOBODY.pw_uid, daemon.pw_gid, {"daemon": "admin"})
    assert local(NOBODY.pw_uid, daemon.pw_gid, {"@daemon": "operator"}).role is Role.OPERATOR


def test_a_user_without_a_name_counts_by_group_only() -> None:
    with pytest.raises(ForbiddenError):
        local(UNKNOWN, UNKNOWN, {"": "admin", "@": "admin"})
    who = local(UNKNOWN, NOBODY.pw_gid, {f"@{GROUP}": "viewer"})
    assert (who.name, who.role) == (f"uid {UNKNOWN}", Role.VIEWER)


def test_over_http(build: Build) -> None:
    world = build("local: {nobody: viewer}")
    client = world.peer(NOBODY.pw_uid, NOBODY.pw_gid)
    told = client.get("/api/session").json()["data"]
    assert (told["name"], told["via"], told["role"]) == ("nobody", "socket", "viewer")
    assert client.get("/api/users").status_code == 403
    assert world.peer(0, 0).post("/api/users", json={"name": "bob", "role": "viewer"}).status_code == 201
    assert world.peer(UNKNOWN, UNKNOWN).get("/api/session").status_code == 403


def test_nobody_becomes_a_peer_by_a_header(world: World) -> None:
    headers = {"X-Peer": "1,0,0", "Peer": "0", "X-Forwarded-For": "127.0.0.1"}
    assert world.client(headers=headers).get("/api/session").status_code == 401
