"""Which test leaves a program's pipes open: that test fails, not a later one in which they are collected."""

import time
import traceback
import weakref
from typing import Any

from daytwo.core.process import Process

_PATIENCE = 10.0
_FRAMES = 8
_begun: "weakref.WeakKeyDictionary[Process, str]" = weakref.WeakKeyDictionary()
_init = Process.__init__


def _noted(self: Process, *args: Any, **kwargs: Any) -> None:
    frames = [one for one in traceback.extract_stack()[:-1] if "site-packages" not in one.filename]
    _begun[self] = "".join(traceback.format_list(frames[-_FRAMES:]))
    _init(self, *args, **kwargs)


def note() -> None:
    """Remember from now on who begins a program."""
    Process.__init__ = _noted  # type: ignore[method-assign]


def left_open() -> list[str]:
    """Where programs were begun whose pipes are still open, and forget them; a thread may be about to close them."""
    end = time.monotonic() + _PATIENCE
    while (found := [one for one in list(_begun) if _is_open(one)]) and time.monotonic() < end:
        time.sleep(0.02)
    told = [_begun[one] for one in found]
    _begun.clear()
    return told


def _is_open(process: Process) -> bool:
    popen = getattr(process, "_popen", None)
    return popen is not None and not (popen.stdout.closed and popen.stderr.closed)
