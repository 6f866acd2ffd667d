"""`daytwo rules`: what is an alert, how each rule stands, and what a rule would have done."""

import contextlib
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, took, use_zone, when
from daytwo.core.errors import NotFoundError
from daytwo.core.schedule import zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import sqlalchemy as sa

    from daytwo.config import Config
    from daytwo.config.watching import Rule
    from daytwo.store.database import Database
    from daytwo.watch.rules import Bindings, Replayed
    from daytwo.watch.views import AlertData

rules = make("What is an alert, and how each rule stands; try one on what was recorded.")


@rules.callback(invoke_without_command=True)
def show(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show every rule, the built-in ones too, and how it stands."""
    if ctx.invoked_subcommand:
        return
    loaded, bindings = _bindings(config)
    found = bindings.rules
    with opened_books(config) as books:
        standing = {one.rule: one for one in reversed(books.views.alerts("all"))}
        blind = _blind(bindings, {one.name for one in books.views.series("*")}, loaded.heartbeats)
    if json:
        print_json(
            [
                {
                    "name": name,
                    "rule": rule.model_dump(mode="json", exclude_unset=True),
                    "alert": standing.get(name),
                    "blind": blind.get(name),
                }
                for name, rule in found.items()
            ]
        )
        return
    rows = [
        (name, rule.check or rule.series or "", _condition(rule),
         _stands(standing[name]) if name in standing else blind.get(name, "ok"))
        for name, rule in found.items()
    ]  # fmt: skip
    table(("RULE", "LOOKS AT", "ALERT WHEN", "IS"), rows)


@rules.command()
def test(
    name: Annotated[str, typer.Argument(help="The rule's name.")],
    since: Annotated[str, typer.Option("--since", help="How far back, such as 24h, 30d.")] = "24h",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Play a rule over what was recorded: when would it have fired? Edit it, and try again."""
    from daytwo.app import utc_now
    from daytwo.store.database import open_database
    from daytwo.store.url import StateUrl
    from daytwo.watch.views import length

    loaded, bindings = _bindings(config)
    rule = bindings.rules.get(name)
    if rule is None:
        raise NotFoundError(f"there is no rule {name}", hint=f"There are: {', '.join(bindings.rules)}")
    end = utc_now()
    begin = end - length(since)
    with contextlib.closing(open_database(StateUrl.of(loaded))) as database, database.read() as connection:
        found = _played(loaded, bindings, name, database, connection, begin, end)
    if json:
        print_json({"rule": name, "begin": begin, "end": end, "subjects": {key: _document(one) for key, one in found}})
        return
    line(f"{name}: {_condition(rule)}, from {when(begin)} to {when(end)}")
    if not found:
        line("  nothing was recorded that it looks at")
    for subject, one in found:
        _tell(subject, one)


def _blind(bindings: "Bindings", series: set[str], heartbeats: "Iterable[str]") -> dict[str, str]:
    """The rules that have nothing to look at, and why: none of them is well."""
    seen = {bound.name for bounds in bindings.of_check.values() for bound in bounds}
    seen |= {one.name for one in bindings.of_series if series.intersection(bindings.subjects(one, series))}
    elsewhere = [f"heartbeat.{name}" for name in heartbeats]  # whose checks only the daemon makes
    return {
        name: "no such check" if rule.check is not None else "no number yet"
        for name, rule in bindings.rules.items()
        if name not in seen and not any(fnmatchcase(one, rule.check or "") for one in elsewhere)
    }


def _bindings(config: ConfigOption) -> "tuple[Config, Bindings]":
    from daytwo.app import utc_now
    from daytwo.config import load
    from daytwo.serve.own_checks import all_checks
    from daytwo.watch.rules import Bindings

    loaded = load(config)
    use_zone(zone_of(loaded.timezone))
    return loaded, Bindings(loaded.rules, all_checks(loaded, None, utc_now))


def _condition(rule: "Rule") -> str:
    """In words: `p95 over 5m > 1s (warning), > 2s (critical)`."""
    if rule.check is not None:
        return f"{rule.failures or 1} failures in a row ({rule.level})"
    special = {
        "last": "the newest",
        "absent": f"nothing for {rule.over}",
        "ratio": f"its share of {rule.of} over {rule.over}",
        "forecast": f"the time until {rule.reaching}",
    }
    taken = special.get(rule.take, f"{rule.take} over {rule.over}")
    levels = [
        f"{limit} ({level})" for level, limit in (("warning", rule.warning), ("critical", rule.critical)) if limit
    ]
    pending = f" for {rule.pending}" if rule.pending else ""
    return f"{taken} {', '.join(levels) or f'({rule.level})'}{pending}"


def _stands(one: "AlertData") -> str:
    return f"{one.state}, {one.level}, since {when(one.since)}"


def _played(
    loaded: "Config",
    bindings: "Bindings",
    name: str,
    database: "Database",
    connection: "sa.Connection",
    begin: datetime,
    end: datetime,
) -> "list[tuple[str, Replayed]]":
    from daytwo.watch.gaps import unwatched
    from daytwo.watch.numbers import Numbers
    from daytwo.watch.observations import Observations
    from daytwo.watch.rules import replay_check, replay_series

    own = (loaded.app, loaded.environment)
    rule = bindings.rules[name]
    if rule.check is not None:
        observations = Observations(database, *own)
        return [
            (check, replay_check(rule, bound.needed, stretches, begin, end, bindings.every(f"{check}.")))
            for check, bounds in bindings.of_check.items()
            for bound in bounds
            if bound.name == name and (stretches := observations.stretches(connection, check, begin, end))
        ]
    numbers = Numbers(database, *own)
    names = numbers.names(connection)
    bound = next(one for one in bindings.of_series if one.name == name)
    observations = Observations(database, *own)
    gaps = unwatched(observations.histories(connection, begin, end), observations.all(connection), begin, end)
    return [
        (
            one,
            replay_series(
                rule, one, numbers, connection, begin, end, bindings.every(one), gaps.get(bindings.owner(one), gaps[""])
            ),
        )
        for one in bindings.subjects(bound, names)
        if one in names
    ]


def _document(one: "Replayed") -> dict[str, object]:
    return {
        "alerts": one.alerts,
        "firing_seconds": one.firing.total_seconds(),
        "readings": one.readings,
        "unsure": one.unsure,
        "changes": [
            {"at": change.at, "old": change.move.old, "new": change.move.new, "level": change.move.level,
             "value": change.move.value, "why": change.move.why}
            for change in one.changes
        ],
    }  # fmt: skip


def _tell(subject: str, one: "Replayed") -> None:
    line(f"\n{subject}: {one.alerts} alert{'' if one.alerts == 1 else 's'}, {took(one.firing.total_seconds())} in all")
    for change in one.changes:
        move = change.move
        level = f", {move.level}" if move.new.value != "ok" else ""
        line(f"  {when(change.at)}  {move.new}{level}: {move.why}")
    if one.unsure:
        line(f"  {one.unsure} of {one.readings} readings told nothing; the last: {one.why}")
