"""`daytwo demo`."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Annotated

import typer

from daytwo.cli.options import make
from daytwo.core.errors import ExitCode

demo = make("See it work on a small real app: back up, destroy, restore, compare.")


@demo.command()
def run(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the demo's folder there and say where it is.")] = False,
) -> int:
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

    teller = Teller(_write, colour=sys.stdout.isatty())
    try:
        with _ended_once(), clean_environment(), temporary_place(keep=keep) as place:
            try:
                tell(place, teller, Run(f"demo-{token_hex(4)}", place.folder / "work", timeout=300))
            finally:
                if keep:
                    teller.end("Kept")
                    teller.say(f"{place.folder}  (its servers are stopped)")
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; the demo has cleaned up after itself\n")
        return ExitCode.INTERRUPTED
    teller.end("next: daytwo init     (in the folder of your own compose file)")
    return ExitCode.OK


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


@contextlib.contextmanager
def _ended_once() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the demo, once: a second one must not end the cleaning up."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number: int, frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
