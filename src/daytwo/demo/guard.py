"""Becomes another program, which ends with the one that started it, and needs no root.

Run as a script of its own (standard library only): `guard.py PARENT SIGNAL UID:GID|- FOLDER PROGRAM [ARGUMENT ...]`.
PostgreSQL refuses to run as root; and a demo that is killed, even by SIGKILL, must not leave a server behind.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
"""From prctl(2): the signal that this process gets when its parent ends. Kept across execve of ordinary programs."""


def main(parent: int, number: int, user: str, folder: str, argv: list[str]) -> None:
    """Drop root's rights, tie this process to its parent, and become the program.

    Args:
        parent: the process id of the one who started this.
        number: the signal to get when that one ends.
        user: `uid:gid` to become, or `-` to stay.
        folder: the folder to be in.
        argv: the program and its arguments.
    """
    os.chdir(folder)
    if user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which clears it; then look whether the parent ended before it was set.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)
    os.execvp(argv[0], argv)  # noqa: S606 - an argv list, no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
