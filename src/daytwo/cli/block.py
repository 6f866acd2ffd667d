"""`daytwo block`: addresses that are shut out; list, add, remove."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, use_zone, when

if TYPE_CHECKING:
    from collections.abc import Callable

    from daytwo.config import Config
    from daytwo.respond.actions import Block
    from daytwo.serve.client import Client

block = make("Addresses that are shut out: list, add, remove.")

AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="An address or a network.")]


@block.callback(invoke_without_command=True)
def overview(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List what is shut out, until when and why."""
    if ctx.invoked_subcommand is None:
        _list(config, json)


@block.command(name="list")
def list_them(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List what is shut out, until when and why."""
    _list(config, json)


@block.command()
def add(
    address: AddressArgument,
    span: Annotated[str, typer.Option("--for", help="For how long; at most 30d.")] = "1h",
    why: Annotated[str, typer.Option("--why", help="Why, in words.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Shut an address out for a time. What a guard refuses (your own address, a server of the app) is told with why."""
    from datetime import timedelta

    from daytwo.cli.session import seconds

    length = timedelta(seconds=seconds(span, "--for"))
    _not_myself(address)
    body = {"address": address, "for": span, "why": why}
    _told(_ordered(config, "POST", body, lambda desk, *rest: desk.add(rest[0], address, length, why, *rest[1:])), json)


@block.command()
def remove(address: AddressArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Let an address in again."""
    _told(_ordered(config, "DELETE", address, lambda desk, *rest: desk.remove(rest[0], address, *rest[1:])), json)


@block.command()
def helper() -> None:
    """Print the helper that sudo or doas runs as root. Put it at /usr/local/sbin/daytwo-block."""
    from daytwo.blockers.nftables import helper as found

    sys.stdout.write(found().read_text(encoding="utf-8"))


def _list(path: Path | None, json: bool) -> None:
    from daytwo.cli.books import Books, opened_books

    with opened_books(path) as here:
        if isinstance(here, Books):
            from daytwo.app import utc_now
            from daytwo.respond.actions import BlockDesk

            with here.database.read() as connection:
                standing = BlockDesk(lambda: here.config, here.audit).active(connection)
            found = [one for one in standing if one.until > utc_now()]
        else:
            found = [_block(one) for one in _daemon(here.config).call("GET", "/api/blocks")]
        if json:
            print_json({"blocks": found})
        elif not found:
            line("Nothing is shut out.")
        else:
            rows = [(one.network, when(one.until), one.by, _state(one), one.why) for one in found]
            table(("ADDRESS", "UNTIL", "BY", "STATE", "WHY"), rows)


def _state(one: "Block") -> str:
    if one.error:
        return one.error
    return "shut out" if one.applied else "waits for the daemon"


def _not_myself(address: str) -> None:
    """The daemon cannot know from where whoever types is logged in: sshd tells it to the shell only.

    Raises:
        RefusedError: it is that address.
    """
    from daytwo.core.blocker import network_of
    from daytwo.core.errors import RefusedError
    from daytwo.respond.actions.guards import meet
    from daytwo.respond.actions.neighbours import ssh_client

    try:
        mine, network = network_of(ssh_client()), network_of(address)
    except ValueError:
        return
    if meet(mine, network):
        raise RefusedError(
            f"{address} is not shut out: you are logged in from there", hint="See docs/how-to/actions.md"
        )


def _ordered(path: Path | None, method: str, body: Any, work: "Callable[..., Block]") -> "Block":
    """Have it done: by the daemon when one runs, since that tells the blocker; else right here."""
    from daytwo.config import load
    from daytwo.core.schedule import zone_of

    config = load(path)
    use_zone(zone_of(config.timezone))
    client = _daemon(config)
    if not client.there():
        return _here(config, body["address"] if method == "POST" else body, work)
    if method == "POST":
        return _block(client.call("POST", "/api/blocks", body))
    from daytwo.core.errors import NotFoundError

    standing = [_block(one) for one in client.call("GET", "/api/blocks")]
    for one in standing:
        if _same(one.network, body):
            return _block(client.call("DELETE", f"/api/blocks/{one.id}"))
    raise NotFoundError(f"{body} is not shut out", hint="`daytwo block list`")


def _daemon(config: "Config") -> "Client":
    from daytwo.serve.client import Client

    return Client.of(config)


def _same(network: str, text: str) -> bool:
    from daytwo.core.blocker import network_of, shown

    try:
        return network == shown(network_of(text))
    except ValueError:
        return False


def _here(config: "Config", address: str, work: "Callable[..., Block]") -> "Block":
    import contextlib

    from daytwo.app import utc_now
    from daytwo.cli.access import myself
    from daytwo.core.errors import RefusedError
    from daytwo.ledger.audit import Audit
    from daytwo.respond.actions.blocks import BlockDesk, blocker_of, carry_out
    from daytwo.store.database import open_database
    from daytwo.store.url import StateUrl

    with contextlib.closing(open_database(StateUrl.of(config))) as database:
        desk: BlockDesk = BlockDesk(lambda: config, Audit(database, config.app, config.environment, utc_now))
        who, now = myself(), utc_now()
        desk.look()

        try:
            with database.begin() as connection:
                done = work(desk, connection, who, now)
        except RefusedError as error:
            with database.begin() as connection:
                desk.refused(connection, address, error, who)
            raise
        if (blocker := blocker_of(config)) is not None:
            trouble = carry_out(blocker, done, now)
            with database.begin() as connection:
                desk.told(connection, done, now, trouble)
                return desk.get(connection, done.id)
        return done


def _block(told: dict[str, Any]) -> "Block":
    from pydantic import TypeAdapter

    from daytwo.respond.actions import Block

    return TypeAdapter(Block).validate_python(told)


def _told(done: "Block", json: bool) -> None:
    if json:
        print_json(done)
    elif done.ended:
        line(f"{done.network} is let in again.")
    else:
        line(f"{done.network} is shut out until {when(done.until)}.")
    if done.error:
        from daytwo.core.blocker import BlockerError

        raise BlockerError(done.error, where=done.network, hint="It is tried again while the daemon runs")
