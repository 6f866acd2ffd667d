"""What a container's state means, in words a person understands."""

import signal
from collections.abc import Callable
from datetime import UTC, datetime

from daytwo.core.containers.listing import Container
from daytwo.core.reading import one_line
from daytwo.core.units import Size

_CODES = {
    125: "the engine could not start it",
    126: "its command may not be run",
    127: "its command was not found",
    137: "killed: by `docker kill`, by a stop that took too long, or by the kernel when the machine had no memory left",
    143: "stopped as asked, with SIGTERM",
}
_LONGEST = 160


def complaint(one: Container) -> str:
    """Why a container does not do what it should; empty where it does."""
    if one.status == "running":
        return _unwell(one) if one.health.status == "unhealthy" else ""
    words = _STATES.get(one.status)
    return words(one) if words else f"the container {one.name} is in the state {one_line(one.status, 40)}"


def ending(one: Container) -> str:
    """How it came to its last end: the exit code, and what that means."""
    code = one.exit_code
    if one.oom_killed:
        limit = f" of {Size(one.memory_limit).human}" if one.memory_limit else ""
        return f"killed by the kernel as it needed more memory than its limit{limit} (exit code {code}, out of memory)"
    meaning = _CODES.get(code)
    if meaning is None and 128 < code <= 128 + 64:
        meaning = _by_signal(code - 128)
    return f"{meaning} (exit code {code})" if meaning else f"it ended with exit code {code}"


def _by_signal(number: int) -> str | None:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return None
    return (
        f"crashed with {name}" if name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE") else f"ended by {name}"
    )


def _unwell(one: Container) -> str:
    said = one_line(one.health.said, _LONGEST)
    last = f'the last one said "{said}"' if said else f"the last one ended with code {one.health.code} without a word"
    times = "1 health probe" if one.health.streak == 1 else f"{one.health.streak} health probes in a row"
    return f"the container {one.name} is unhealthy: {times} failed, {last}"


def _exited(one: Container) -> str:
    return f"the container {one.name} has stopped{_when(one.finished)}: {ending(one)}{_error(one)}"


def _restarting(one: Container) -> str:
    return f"the container {one.name} ends again and again and is being restarted: {ending(one)}{_error(one)}"


def _paused(one: Container) -> str:
    return f"the container {one.name} is paused: somebody froze it; `docker unpause {one.name}` lets it go on"


def _created(one: Container) -> str:
    if not one.error:
        return f"the container {one.name} was made, but never started"
    meaning = _CODES.get(one.exit_code)
    why = f"{meaning} (exit code {one.exit_code})" if meaning else "the engine did not manage"
    return f"the container {one.name} was made, but could not be started: {why}{_error(one)}"


def _removing(one: Container) -> str:
    return f"the container {one.name} is being removed"


def _dead(one: Container) -> str:
    return f"the container {one.name} is dead: the engine could not remove it whole{_error(one)}"


_STATES: dict[str, Callable[[Container], str]] = {
    "exited": _exited,
    "restarting": _restarting,
    "paused": _paused,
    "created": _created,
    "removing": _removing,
    "dead": _dead,
}


def _when(at: int) -> str:
    return f" on {datetime.fromtimestamp(at / 1e9, UTC):%Y-%m-%d at %H:%M:%S} UTC" if at else ""


def _error(one: Container) -> str:
    # What comes before names the layers of the engine that the message went through.
    said = one.error.rpartition("unable to start container process: ")[2]
    return f"; the engine says: {one_line(said, _LONGEST)}" if said else ""
