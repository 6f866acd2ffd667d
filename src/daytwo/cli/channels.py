"""`daytwo channels`: the ways to reach people; try them."""

import concurrent.futures
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, took
from daytwo.core.errors import DaytwoError, ExitCode, NotFoundError

if TYPE_CHECKING:
    from daytwo.config import Config
    from daytwo.core.channel import AnyChannel, ChannelSettings, Message

channels = make("Ways to reach people: list them; send a test message.")
_TIMEOUT = 30.0
_AT_ONCE = 8


@dataclass(frozen=True)
class Tried:
    """How a test went.

    Args:
        channel: its name.
        kind: what sort it is.
        sent: whether it was taken.
        seconds: how long it took.
        what: what went wrong, in one line.
    """

    channel: str
    kind: str
    sent: bool
    seconds: float
    what: str = ""


@channels.callback(invoke_without_command=True)
def overview(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the channels, and who uses each."""
    if ctx.invoked_subcommand is None:
        _list(config, json)


@channels.command(name="list")
def list_them(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the channels, and who uses each."""
    _list(config, json)


@channels.command()
def test(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Which; all if absent.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send a test message, now. It goes past routes and the daemon, and ends with 1 when a channel did not take it."""
    loaded = _load(config)
    chosen = _chosen(loaded, names)
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        tried = list(pool.map(lambda name: _try(loaded, name), chosen))
    if json:
        print_json({"channels": [asdict(one) for one in tried]})
    elif not tried:
        line("There are no channels in the configuration.")
    else:
        for one in tried:
            line(f"{one.channel}: {f'taken, in {took(one.seconds)}' if one.sent else one.what}")
    if not all(one.sent for one in tried):
        raise typer.Exit(ExitCode.FAILED)


def _list(path: Path | None, json: bool) -> None:
    config = _load(path)
    rows = [(name, one.kind, ", ".join(_users(config, name)), one.fallback or "") for name, one in _all(config)]
    if json:
        found = [{"channel": name, "kind": one.kind, "used_by": _users(config, name), "fallback": one.fallback}
                 for name, one in _all(config)]  # fmt: skip
        print_json({"channels": found})
    elif rows:
        table(("CHANNEL", "KIND", "USED BY", "FALLBACK"), rows)
    else:
        line("There are no channels in the configuration.")


def _load(path: Path | None) -> "Config":
    from daytwo.config import load

    return load(path)


def _all(config: "Config") -> list[tuple[str, "ChannelSettings"]]:
    return list(config.channels.items())


def _users(config: "Config", name: str) -> list[str]:
    """Routes, people and channels that name it."""
    found = [f"route {route}" for route, one in config.routes.items() if name in one.to]
    found += [f"person {person}" for person, one in config.people.items() if name in one.channels]
    found += [f"fallback of {other}" for other, one in config.channels.items() if one.fallback == name]
    return found


def _chosen(config: "Config", names: list[str] | None) -> list[str]:
    from daytwo.config.problems import nearest

    for name in names or ():
        if name not in config.channels:
            raise NotFoundError(f"there is no channel {name}", hint=nearest(name, list(config.channels)))
    return list(dict.fromkeys(names)) if names else list(config.channels)


def _try(config: "Config", name: str) -> Tried:
    from daytwo.core.channel import UnavailableError
    from daytwo.core.registry import channel_class

    settings = config.channels[name]
    channel: AnyChannel = channel_class(settings.kind)(name, settings, config.place)
    message = _message(config, name)
    begun = time.monotonic()
    what = ""
    try:
        channel.send(message, message.key, _TIMEOUT)
    except DaytwoError as error:
        from daytwo.core.secrets import redact

        hint = "Check the address, or try again later" if isinstance(error, UnavailableError) else error.hint
        what = redact(f"{error.what}. {hint}" if hint else error.what)
    finally:
        channel.close()
    return Tried(name, settings.kind, not what, round(time.monotonic() - begun, 3), what)


def _message(config: "Config", name: str) -> "Message":
    import getpass
    import platform
    from secrets import token_hex

    from daytwo.app import utc_now
    from daytwo.core.channel import Event, Fact, Message

    return Message(
        event=Event.TEST,
        key=f"test {name} {token_hex(8)}",
        app=config.app,
        environment=config.environment,
        level="info",
        title=f"a test of the channel {name}",
        text="If you can read this, messages of daytwo arrive here. Nothing is wrong, and nothing is to be done.",
        at=utc_now(),
        facts=(Fact(name="Sent by", value=f"{getpass.getuser()}@{platform.node()}"),),
    )
