"""`daytwo notifications`: messages on their way, sent, or dead."""

from typing import Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when

notifications = make("Messages on their way, sent, or dead; try one again.")


@notifications.callback(invoke_without_command=True)
def list_them(
    ctx: typer.Context,
    dead: Annotated[bool, typer.Option("--dead", help="Only those that reached nobody.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List messages, the newest first."""
    if ctx.invoked_subcommand:
        return
    from daytwo.respond.outbox import State

    with opened_books(config) as books:
        found = books.alerts.notifications(State.DEAD if dead else None, limit)
    if json:
        print_json({"notifications": found})
        return
    if not found:
        line("There are no such messages.")
        return
    rows = [
        (
            str(one.id), when(one.created), one.via or one.channel, one.event, one.title[:60],
            one.state if not one.tries or one.state == "sent" else f"{one.state}, {one.tries} tries", one.error[:60],
        )
        for one in found
    ]  # fmt: skip
    table(("MESSAGE", "AT", "CHANNEL", "EVENT", "TITLE", "IS", "WHAT WENT WRONG"), rows)


@notifications.command()
def retry(
    number: Annotated[int, typer.Argument(metavar="MESSAGE", min=1, help="The message's number.")],
    config: ConfigOption = None,
) -> None:
    """Try a message again that reached nobody."""
    with opened_books(config) as books:
        one = books.alerts.retry(number)
        there = books.daemon
    line(f"Message {one.id} is tried again through {one.channel}.")
    if not there:
        line("No daemon runs here: nobody sends it. `daytwo serve`")
