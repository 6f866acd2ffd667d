"""What every command needs around its work: the opened app, progress on the screen, Ctrl-C, keys, notices."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from daytwo.cli.output import use_zone
from daytwo.cli.progress import Display
from daytwo.core.errors import UsageError
from daytwo.core.schedule import zone_of
from daytwo.core.units import Duration

if TYPE_CHECKING:
    from daytwo.app import App


@contextlib.contextmanager
def session(
    config: Path | None, *, as_json: bool = False, quiet: bool = False, key: str | None = None
) -> Iterator["App"]:
    """Open the app for a command.

    Args:
        config: the configuration file, or None to look for it.
        as_json: only JSON may go to standard output.
        quiet: show no progress and no notices.
        key: a file with the recovery key, `-` for a prompt or standard input.

    Raises:
        ConfigError, UsageError
    """
    from daytwo.app import App  # with the state's and the workflows' libraries: help and completion go without

    display = Display(show=not quiet and not as_json)
    with App.load(config, on_progress=display.update, identities=lambda: read_keys(key)) as app:
        use_zone(zone_of(app.config.timezone))
        with _signals(app), display:
            yield app
        if not quiet:
            for notice in app.notices:
                sys.stderr.write(f"note: {notice}\n")


def read_keys(key: str | None) -> tuple[str, ...]:
    """The age secret keys of a file, or pasted.

    Raises:
        UsageError: the file cannot be read or holds none.
    """
    if key is None:
        return ()
    from daytwo.core.crypt import keys_in

    if key == "-":
        if sys.stdin.isatty():
            import getpass

            text = getpass.getpass("Recovery key (AGE-SECRET-KEY-...; not shown): ")
        else:
            text = sys.stdin.read()
    else:
        try:
            text = Path(key).expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot read the key file {key}: {error.strerror}") from None
    return tuple(secret.reveal() for secret in keys_in(text))


def seconds(text: str, option: str) -> float:
    """Read a duration option.

    Raises:
        UsageError: it is none.
    """
    try:
        return float(Duration.parse(0 if text in ("0", "0s") else text))
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


@contextlib.contextmanager
def _signals(app: "App") -> Iterator[None]:
    """Ctrl-C and SIGTERM stop the run cleanly; a second one ends the process at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        app.cancel("Ctrl-C" if number == signal.SIGINT else "asked to end")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
