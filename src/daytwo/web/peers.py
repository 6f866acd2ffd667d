"""Who is at the other end of the Unix socket: the kernel tells the user, the configuration the role."""

import grp
import os
import pwd
from collections.abc import Mapping

from daytwo.access.roles import Principal, Role, Via
from daytwo.core.errors import ForbiddenError


def local(uid: int, gid: int, roles: Mapping[str, str]) -> Principal:
    """The principal of a local process.

    Args:
        uid: its user.
        gid: its group.
        roles: `serve.local`: a user's name, or @ and a group's, and a role. What a user is given counts before what
            their groups are given; of several groups the highest counts.

    Raises:
        ForbiddenError: nothing is said of that user or their groups.
    """
    name = _user(uid)
    who = name or f"uid {uid}"
    if uid in (0, os.geteuid()):
        return Principal(who, Via.SOCKET, Role.ADMIN, source="socket")
    if name and name in roles:
        return Principal(who, Via.SOCKET, Role.parse(roles[name]), source="socket")
    given = [Role.parse(roles[f"@{group}"]) for group in _groups(name, gid) if f"@{group}" in roles]
    if not given:
        raise ForbiddenError(
            f"{who} may not use the daemon's socket",
            hint=f"Give them a role under serve.local, for instance `{name or '@GROUP'}: operator`",
        )
    return Principal(who, Via.SOCKET, max(given), source="socket")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _groups(name: str, gid: int) -> set[str]:
    """The names of a user's groups, as the user data base has them, and of the process's own."""
    found = set()
    for one in {gid, *(os.getgrouplist(name, gid) if name else ())}:
        try:
            found.add(grp.getgrgid(one).gr_name)
        except KeyError:
            continue
    return found
