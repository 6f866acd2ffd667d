"""`daytwo status-page`: what users are shown and told; the page as files; who is told by mail."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when
from daytwo.core.errors import UsageError

if TYPE_CHECKING:
    from daytwo.respond.status_page.model import StatusView, StoryView
    from daytwo.respond.status_page.orders import NewUpdate

status_page = make("What users are shown and told: updates, the page as files, subscribers.")
subscribers = make("Who is told by mail. Addresses are personal data: only admins see them.")
status_page.add_typer(subscribers, name="subscribers")

LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="So many at most.")]
WhoArgument = Annotated[str, typer.Argument(metavar="WHO", help="The address, or the number.")]


@status_page.command()
def show(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show what the page says now."""
    from daytwo.cli.status_books import opened_status

    with opened_status(config) as books:
        found = books.view()
    if json:
        print_json(found)
        return
    _print(found)


@status_page.command()
def update(
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What users read; the state's own if absent.")
    ] = None,
    state: Annotated[
        str, typer.Option("--state", help="investigating, identified, monitoring or resolved.")
    ] = "investigating",
    incident: Annotated[int | None, typer.Option("--incident", help="The incident that it belongs to.")] = None,
    notice: Annotated[
        int | None, typer.Option("--notice", help="The update that it goes on with; else a new one.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="What stands above it; as before if absent.")] = None,
    component: Annotated[
        list[str] | None, typer.Option("--component", help="How a component is: web=degraded; can be repeated.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tell users how things stand: on the page, in the feed, and by mail to subscribers."""
    from daytwo.cli.status_books import opened_status

    order = _order(
        {"text": text, "state": state, "incident": incident, "notice": notice, "title": title}, component or []
    )
    with opened_status(config) as books:
        made = books.tell(order)
    if json:
        print_json(made)
        return
    of = f"incident {made.incident}" if made.incident else f"notice {made.notice}"
    line(f"Update {made.number} ({of}, {made.state}) is on the page: {made.text}")
    if made.notice and made.state != "resolved":
        line(f"Go on with it: daytwo status-page update --notice {made.notice} --state identified")


@status_page.command()
def withdraw(
    number: Annotated[int, typer.Argument(min=1, metavar="NUMBER", help="The update's number.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take an update back: that it was there stays visible, its text does not."""
    from daytwo.cli.status_books import opened_status

    with opened_status(config) as books:
        made = books.withdraw(number)
    if json:
        print_json(made)
        return
    line(f"Update {number} is withdrawn. Mails that have been sent cannot be taken back.")


@status_page.command()
def updates(limit: LimitOption = 20, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List what users were told, the newest first; also what was withdrawn."""
    from daytwo.cli.status_books import opened_status

    with opened_status(config) as books:
        found = books.updates(limit)
    if json:
        print_json(found)
        return
    if not found:
        line('Users were told nothing yet. `daytwo status-page update "TEXT" --state investigating`')
        return
    rows = [
        (
            str(one.number), when(one.at), f"incident {one.incident}" if one.incident else f"notice {one.notice}",
            "withdrawn" if one.withdrawn else one.state, one.by, " ".join(one.text.split())[:60],
        )
        for one in found
    ]  # fmt: skip
    table(("UPDATE", "AT", "OF", "STATE", "BY", "TEXT"), rows)


@status_page.command()
def render(
    folder: Annotated[Path | None, typer.Option("--folder", help="Where to; `status_page: folder:` if absent.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write the page as files: index.html, feed.xml and status.json."""
    from daytwo.cli.status_books import opened_status
    from daytwo.respond.status_page.files import write

    with opened_status(config) as books:
        page = books.config.status_page
        into = folder or (books.config.folder / page.folder if page is not None and page.folder else None)
        if into is None:
            raise UsageError("say where to", where="--folder", hint="Or set `status_page: folder:`")
        contents = books.files()
        write(into, contents)
    if json:
        print_json({"folder": str(into), "files": {name: len(content) for name, content in contents.items()}})
        return
    line(f"Written to {into}: {', '.join(contents)}")


@subscribers.command("list")
def list_them(limit: LimitOption = 1000, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List who is told by mail, and whom the newest mail did not reach."""
    from daytwo.cli.status_books import opened_status

    with opened_status(config) as books:
        found = books.subscribers(limit)
    if json:
        print_json(found)
        return
    if not found:
        line("Nobody is subscribed.")
        return
    rows = [
        (str(one.number), one.address, when(one.confirmed) if one.confirmed else "not confirmed", one.by, one.trouble)
        for one in found
    ]
    table(("NUMBER", "ADDRESS", "SINCE", "ADDED BY", "TROUBLE"), rows)


@subscribers.command("show")
def show_person(who: WhoArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show all that is stored of somebody, as they may ask for it."""
    from daytwo.cli.status_books import opened_status

    with opened_status(config) as books:
        found = books.person(who)
    if json:
        print_json(found)
        return
    one = found.subscriber
    line(f"{one.address} (number {one.number})")
    line(f"asked      {when(one.asked)}")
    line(f"confirmed  {when(one.confirmed) if one.confirmed else 'not yet'}{f', added by {one.by}' if one.by else ''}")
    for mail in found.mails:
        line(f"mail       {when(mail.ordered)}  {mail.state}  {mail.title}{f'  {mail.error}' if mail.error else ''}")


@subscribers.command()
def add(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The e-mail address.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Add somebody who has agreed elsewhere; they get no letter to confirm."""
    from daytwo.cli.status_books import opened_status

    with opened_status(config) as books:
        made = books.add(address)
    if json:
        print_json(made)
        return
    line(f"{made.address} is told from now on (number {made.number}).")


@subscribers.command()
def remove(who: WhoArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Remove somebody, and all that is stored of them."""
    from daytwo.cli.status_books import opened_status

    with opened_status(config) as books:
        books.remove(who)
    if json:
        print_json({"removed": who})
        return
    line(f"{who} is removed, with all that was stored of them.")


def _order(values: dict[str, object], components: list[str]) -> "NewUpdate":
    from pydantic import ValidationError

    from daytwo.respond.status_page.orders import NewUpdate

    said = {}
    for one in components:
        name, equals, health = one.partition("=")
        if not equals:
            raise UsageError(f"'{one}' says nothing", where="--component", hint="Write it like web=degraded")
        said[name.strip()] = health.strip().replace("-", " ")
    try:
        return NewUpdate.model_validate({**values, "components": said})
    except ValidationError as error:
        first = error.errors()[0]
        where = f"--{first['loc'][0]}".replace("--text", "TEXT").replace("--components", "--component")
        raise UsageError(str(first["msg"]).removeprefix("Value error, "), where=where) from None


def _print(found: "StatusView") -> None:
    line(f"{found.title}: {found.sentence}")
    line()
    rows = [
        (one.title, one.state.value, f"{one.uptime:.3%}" if one.uptime is not None else "no data")
        for one in found.components
    ]
    table(("COMPONENT", "STATE", "UPTIME (90 DAYS)"), rows)
    for heading, stories in (("Now", found.current), ("Past 14 days", found.past)):
        if stories:
            line(f"\n{heading}:")
            for story in stories:
                _print_story(story)
    if found.maintenance:
        line("\nMaintenance:")
        for window in found.maintenance:
            line(f"  {when(window.begin)} to {when(window.end)}  {', '.join(window.components)}")


def _print_story(story: "StoryView") -> None:
    line(f"  {story.title} ({story.id}, {story.state})")
    for one in story.updates:
        line(f"    {when(one.at)}  {'withdrawn' if one.withdrawn else f'{one.state}: {one.text}'}")
