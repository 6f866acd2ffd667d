"""`daytwo demo`."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import make
from daytwo.core.errors import ExitCode
from daytwo.core.terminal import colours

if TYPE_CHECKING:
    from daytwo.core.run import Run
    from daytwo.demo.teller import Teller

LONGEST = 300.0
"""Seconds after which a demo is ended, should something hang."""

demo = make("See it work on a small real app: back up, destroy, restore, compare.")


@demo.command()
def run(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the demo's folder there and say where it is.")] = False,
) -> None:
    """See it work on a small real app: back up, destroy, restore, compare.

    Starts an app with a PostgreSQL of its own in a temporary folder, and needs neither root nor Docker nor an account.
    Nothing outside that folder is touched, and nothing is left. Ends with 0 when all that came back is equal to what
    was lost, else with 1.
    """
    from secrets import token_hex

    from daytwo.core.run import Run
    from daytwo.demo.place import temporary_place
    from daytwo.demo.programs import clean_environment
    from daytwo.demo.story import tell
    from daytwo.demo.teller import Teller

    teller = Teller(_write, colour=colours(sys.stdout))
    work = Run(f"demo-{token_hex(4)}", Path(), timeout=LONGEST)
    asked = threading.Event()
    with _ended_by_signals(work, asked):
        try:
            with clean_environment(), temporary_place(keep=keep) as place, _place_told(place.folder, keep, teller):
                tell(place, teller, work)
        except Exception:
            # Once its programs are being ended, whatever fails does so for that reason.
            if not asked.is_set():
                raise
            sys.stderr.write("\nstopped; the demo has cleaned up after itself\n")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    teller.end("next: daytwo init     (in the folder of your own compose file)")


@contextlib.contextmanager
def _place_told(folder: Path, keep: bool, teller: "Teller") -> Iterator[None]:
    """Say where the folder is that is kept, in every case."""
    try:
        yield
    finally:
        if keep:
            teller.end("Kept")
            teller.say(f"{folder}  (its servers are stopped)")


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


@contextlib.contextmanager
def _ended_by_signals(work: "Run", asked: threading.Event) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the demo's programs, and so the demo; it is always cleaned up.

    No exception is raised here: it could come between the start of a program and the moment that somebody knows of it.
    A thread does it, because the run's lock may be held by what the signal interrupted.
    """

    def end(number: int, frame: FrameType | None) -> None:
        asked.set()
        threading.Thread(target=work.cancel, args=(signal.Signals(number).name,), daemon=True).start()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
