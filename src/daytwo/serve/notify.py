"""What systemd is told, over the socket it names (sd_notify(3)); nothing where there is no systemd."""

import os
import socket
import time
from contextlib import suppress


def notify(*lines: str) -> bool:
    """Tell systemd something, such as `READY=1`.

    Returns:
        Whether there was somebody to tell.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.connect(address)
        line.sendall("\n".join(lines).encode())
        return True
    return False


def ready(status: str) -> None:
    """The daemon answers."""
    notify("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")


def reloading() -> None:
    """The daemon reads its configuration again; `ready` follows."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear from us at least; None where it does not (sd_watchdog_enabled(3))."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not usec.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1e6
