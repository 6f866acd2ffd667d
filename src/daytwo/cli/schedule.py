"""`daytwo schedule`: what is due when; run now, pause, resume."""

from typing import Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when
from daytwo.cli.session import session
from daytwo.core.errors import UsageError

schedule = make("Show what is due when; run now; pause and resume.")

NameArgument = Annotated[str, typer.Argument(help="The backup's name.")]


@schedule.callback(invoke_without_command=True)
def show(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show what is due when, and what ran last."""
    if ctx.invoked_subcommand:
        return
    with opened_books(config) as books:
        found = books.schedules()
        if json:
            print_json({"daemon": books.daemon, "schedules": [vars(one) for one in found]})
            return
        if not found:
            line("No backup has a time (`at:`) in the configuration.")
            return
        rows = [
            (
                one.name,
                f"{one.at} ({one.zone})",
                f"paused by {one.paused_by}" if one.paused else when(one.next) if one.next else "",
                f"{when(one.last_begun)} {one.last_outcome}" if one.last_begun else "never",
            )
            for one in found
        ]
        table(("BACKUP", "AT", "NEXT", "LAST"), rows)
        if not books.daemon:
            line(
                "No daemon runs here: these times are kept only by `daytwo serve`, or by cron (`daytwo install cron`)."
            )


@schedule.command("run")
def run_now(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Have a backup run now, by the daemon; do not wait for its end."""
    taken = _daemon(config, "run", name)
    print_json(taken) if json else line(f"Ordered: run {taken['run']}. Watch it with `daytwo runs show {taken['run']}`")


@schedule.command()
def pause(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Have nothing of a schedule happen until it is resumed."""
    _switch(name, config, pause=True, as_json=json)


@schedule.command()
def resume(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Have it happen again from now on; what fell into the pause stays undone."""
    _switch(name, config, pause=False, as_json=json)


def _daemon(config: ConfigOption, act: str, name: str) -> dict[str, str]:
    from daytwo.config import glimpse
    from daytwo.serve.client import Client

    found: dict[str, str] = Client.of(glimpse(config)).call("POST", f"/api/schedules/{name}/{act}")
    return found


def _switch(name: str, config: ConfigOption, *, pause: bool, as_json: bool) -> None:
    """By the daemon where one runs; else in the state, which the next one reads."""
    from daytwo.ledger.schedules import Schedules
    from daytwo.serve.client import Client

    act = "pause" if pause else "resume"
    with session(config, as_json=as_json) as app:
        if name not in app.config.backups:
            raise UsageError(f"there is no backup {name}", hint=f"There are: {', '.join(app.config.backups)}")
        client = Client.of(app.config)
        if client.there():
            client.call("POST", f"/api/schedules/{name}/{act}")
        else:
            bench = app.bench
            schedules = Schedules(bench.database, app.config.app, app.config.environment)
            with bench.database.begin() as connection:
                if pause:
                    schedules.pause(connection, name, app.clock(), bench.actor)
                else:
                    schedules.resume(connection, name, app.clock())
                bench.audit.append(connection, f"schedule.{act}", name, actor=bench.actor, via=bench.via)
    print_json({"name": name, "paused": pause}) if as_json else line(f"{name} is {'paused' if pause else 'resumed'}.")
