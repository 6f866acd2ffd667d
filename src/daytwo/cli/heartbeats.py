"""`daytwo heartbeats`: jobs elsewhere that report; how each stands, where it reports, what it said."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daytwo.cli.books import Books, opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, took, when

if TYPE_CHECKING:
    from daytwo.cli.afar import Afar
    from daytwo.config import Config
    from daytwo.ledger.heartbeats import Heartbeat, Ping

heartbeats = make("Jobs elsewhere that report: how each stands, where it reports, what it said.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The heartbeat's name.")]


@heartbeats.callback(invoke_without_command=True)
def list_them(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List all heartbeats: how each stands, when it reported last and is due, and its ping address."""
    if ctx.invoked_subcommand:
        return
    with opened_books(config) as here:
        _learn(here)
        found = here.heartbeats.all()
        unknown = sorted(here.config.heartbeats.keys() - {one.name for one in found})
        if json:
            shown = [_data(one, here.config) for one in found]
            print_json({"daemon": here.daemon, "heartbeats": shown, "after_reload": unknown})
            return
        if not found and not unknown:
            line("There are no heartbeats in the configuration.")
            return
        if found:
            table(("HEARTBEAT", "STATE", "LAST", "DUE", "PING"), [_row(one, here.config) for one in found])
        if unknown:
            line(f"Not known to the daemon yet: {', '.join(unknown)}. Have it read the configuration: `daytwo reload`")
        if not here.daemon:
            line("No daemon runs here: nobody listens, and nobody notices silence. `daytwo serve`")


@heartbeats.command()
def show(
    name: NameArgument,
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="So many pings.")] = 20,
    json: JsonOption = False,
) -> None:
    """Show one heartbeat with its newest pings, and what the job printed last."""
    with opened_books(config) as here:
        _learn(here)
        one = here.heartbeats.get(name)
        found = here.heartbeats.pings(name, limit)
        if json:
            print_json({"heartbeat": _data(one, here.config), "pings": [vars(ping) for ping in found]})
            return
        _describe(one, here.config)
        if found:
            line()
            rows = [(when(ping.at), ping.kind.value, _code(ping.exit_code), _took(ping), ping.source) for ping in found]
            table(("AT", "SAYS", "CODE", "TOOK", "FROM"), rows)
        said = next((ping for ping in found if ping.excerpt), None)
        if said is not None:
            line()
            line(f"Said at {when(said.at)} ({said.kind}):")
            for text in said.excerpt.splitlines()[-20:]:
                line(f"  {text}")


def _learn(here: "Books | Afar") -> None:
    """With no daemon here, the heartbeats that are new in the configuration are added by whoever looks."""
    if here.daemon or not isinstance(here, Books):
        return
    from daytwo.app import utc_now
    from daytwo.serve.watchman import promises

    with here.database.begin() as connection:
        here.heartbeats.synchronise(connection, promises(here.config), utc_now())


def _row(one: "Heartbeat", config: "Config") -> tuple[str, ...]:
    last = f"{when(one.reported)} {'failed' if one.failed else 'ok'}" if one.reported else "never"
    state = "not in the configuration" if one.missing else one.state.value
    return one.name, state, last, when(one.due) if one.due else "", _url(one, config)


def _describe(one: "Heartbeat", config: "Config") -> None:
    line(f"Heartbeat {one.name}: {one.state}, since {when(one.since)}")
    line(f"  promised  {one.promise}")
    if one.missing:
        line(f"  gone      from the configuration since {when(one.missing)}")
    if one.overdue:
        line(f"  missing   since {when(one.overdue)}")
    elif one.due:
        line(f"  due       {when(one.due)}")
    line(f"  last      {when(one.reported) if one.reported else 'never'}")
    if one.succeeded:
        line(f"  success   {when(one.succeeded)}")
    line(f"  ping      {_url(one, config)}")


def _url(one: "Heartbeat", config: "Config") -> str:
    from daytwo.serve.watchman import ping_url

    return ping_url(config.serve, one.ping) if one.ping else ""


def _data(one: "Heartbeat", config: "Config") -> dict[str, Any]:
    return {**vars(one), "open": [vars(begun) for begun in one.open], "url": _url(one, config)}


def _code(code: int | None) -> str:
    return "" if code is None else str(code)


def _took(ping: "Ping") -> str:
    return "" if ping.duration is None else took(ping.duration / 1000)
