"""`daytwo check`: asks checks now, and answers as monitoring plug-ins do."""

import asyncio
import time
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, QuietOption, make
from daytwo.cli.output import line, print_json, table
from daytwo.core.errors import (
    BusyError,
    ConfigError,
    DaytwoError,
    ExitCode,
    NotFoundError,
    RefusedError,
    UnreachableError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daytwo.config import Config
    from daytwo.core.check import Check
    from daytwo.watch.at_once import Judgement

check = make("Ask checks now.")
_WORDS = {"OK": "ok", "WARNING": "warning", "CRITICAL": "FAILED", "UNKNOWN": "unknown"}
_MOST_NUMBERS = 3


@check.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(help="Checks or patterns, such as db or 'db.*'; all.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Have the daemon ask, so that the answers count as any others.")
    ] = False,
    perfdata: Annotated[bool, typer.Option("--perfdata", help="Print one line as monitoring plug-ins do.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Ask checks now. Ends as a monitoring plug-in: 0 all well, 1 warning, 2 critical, 3 unknown.

    What a rule says of the newest number counts; rules over time are judged by the daemon. With --record it
    is the daemon that asks: its answers are written down, judged by all rules, and told.
    """
    from daytwo.config import load
    from daytwo.serve.own_checks import all_checks

    try:
        loaded = load(config)
        chosen = _chosen(all_checks(loaded, None, lambda: datetime.now(UTC)), names or [])
        found = _recorded(loaded, chosen) if record else asyncio.run(_asked(loaded, chosen))
    except (ConfigError, UsageError, UnreachableError, BusyError, RefusedError, NotFoundError) as error:
        raise _UnknownError(error) from None
    worst = max((one.level for one in found), key=lambda level: level.badness)
    if json:
        print_json({"level": worst.name.lower(), "checks": [_document(one) for one in found]})
    elif perfdata:
        line(_plugin_line(found, worst.name))
    elif not quiet or worst:
        _show([one for one in found if one.level or not quiet])
    raise typer.Exit(worst)


class _UnknownError(DaytwoError):
    """What is wrong with the command or the configuration; for whoever runs plug-ins, nothing is known."""

    exit_code = ExitCode.PARTIAL
    """The number that monitoring plug-ins end with when they do not know."""

    def __init__(self, error: DaytwoError) -> None:
        super().__init__(error.what, where=error.where, hint=error.hint)


def _chosen(checks: "Mapping[str, Check]", names: "Sequence[str]") -> "list[Check]":
    if not checks:
        raise UsageError(
            "no service of the configuration can be checked", hint="`daytwo config schema` lists the kinds"
        )
    found = {name: one for name, one in checks.items() if not names or any(fnmatchcase(name, given) for given in names)}
    for given in names:
        if not any(fnmatchcase(name, given) for name in checks):
            raise UsageError(f"there is no check {given}", hint=f"There are: {', '.join(checks)}")
    return list(found.values())


async def _asked(config: "Config", checks: "Sequence[Check]") -> "list[Judgement]":
    from daytwo.watch.asking import Asker
    from daytwo.watch.at_once import judge
    from daytwo.watch.connectivity import Connectivity
    from daytwo.watch.rules import rules_of

    rules = rules_of(config.rules, checks)
    async with Asker(Connectivity(config.watch.connectivity)) as asker:

        async def one(check: "Check") -> "Judgement":
            begun = time.monotonic()
            observation = await asker.ask(check)
            await check.close()
            return judge(check, observation, rules, time.monotonic() - begun)

        return await asyncio.gather(*(one(check) for check in checks))


def _recorded(config: "Config", checks: "Sequence[Check]") -> "list[Judgement]":
    """Ask by way of the daemon, one after the other; it writes the answers down, and its rules judge them."""
    from urllib.parse import quote

    from daytwo.core.check import Observation, Verdict
    from daytwo.serve.client import Client
    from daytwo.watch.at_once import judge
    from daytwo.watch.rules import rules_of
    from daytwo.watch.views import AnswerData

    client, rules = Client.of(config), rules_of(config.rules, checks)
    found = []
    for check in checks:
        begun = time.monotonic()
        said = AnswerData.model_validate(client.call("POST", f"/api/checks/{quote(check.name, safe='')}/run"))
        observation = Observation(Verdict(said.verdict), said.why, said.numbers, said.facts)
        found.append(judge(check, observation, rules, time.monotonic() - begun))
    return found


def _document(one: "Judgement") -> dict[str, object]:
    return {
        "check": one.check.name,
        "service": one.check.service,
        "verdict": one.observation.verdict.value,
        "level": one.level.name.lower(),
        "why": one.why,
        "seconds": round(one.seconds, 6),
        "numbers": dict(one.observation.numbers),
        "facts": dict(one.observation.facts),
    }


def _show(found: "Sequence[Judgement]") -> None:
    from daytwo.cli.numbers import shown
    from daytwo.core.check import Unit

    rows = []
    for one in found:
        units = {measure.name: measure.unit for measure in one.check.measures}
        numbers = [f"{name} {shown(value, units.get(name))}" for name, value in one.observation.numbers.items()]
        facts = [f"{name} {value}" for name, value in one.observation.facts.items()]
        said = one.why or ", ".join((numbers or facts)[:_MOST_NUMBERS])
        rows.append((one.check.name, _WORDS[one.level.name], shown(one.seconds, Unit.SECONDS), said))
    table(("CHECK", "IS", "TOOK", "SAYS"), rows, right=frozenset({2}))


def _plugin_line(found: "Sequence[Judgement]", worst: str) -> str:
    """`OK: text | label=value`, after the Monitoring Plugins Development Guidelines."""
    from daytwo.core.check import Unit

    symbols = {Unit.SECONDS: "s", Unit.BYTES: "B"}
    bad = [f"{one.check.name}: {one.why}" for one in found if one.level]
    data = []
    for one in found:
        units = {measure.name: measure for measure in one.check.measures}
        for name, value in one.observation.numbers.items():
            measure = units.get(name)
            symbol = "c" if measure and measure.total else symbols.get(measure.unit, "") if measure else ""
            data.append(f"'{one.check.name}.{name}'={value:.9g}{symbol}")
    said = "; ".join(bad) or f"{len(found)} {'check is' if len(found) == 1 else 'checks are'} well"
    return f"{worst}: {said.replace('|', '/').replace(chr(10), ' ')} | {' '.join(data)}".rstrip(" |")
