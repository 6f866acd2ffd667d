"""`daytwo security`: events, findings, report, add."""

from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.access import myself
from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, when
from daytwo.cli.records import LimitOption, SinceOption, moment
from daytwo.core.shown import lasting

if TYPE_CHECKING:
    from daytwo.watch.security.event import FindingData, Submission
    from daytwo.watch.security.views import SecurityReport

security = make("Security events, what was too much of them, and the security check of a day.")
_SHOWN = 60
KindOption = Annotated[str | None, typer.Option("--kind", help="Only this kind, such as auth_failure.")]
SourceOption = Annotated[str | None, typer.Option("--source", help="Only from this address, or network of IPv6.")]
AfterOption = Annotated[str | None, typer.Option("--after", help="Continue below the one with this number.")]


@security.command()
def events(
    kind: KindOption = None,
    source: SourceOption = None,
    since: SinceOption = None,
    limit: LimitOption = 50,
    after: AfterOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List events, the newest first."""
    from daytwo.watch.security.event import EventFilter
    from daytwo.watch.security.views import source_of

    with opened_books(config) as books:
        wanted = EventFilter(kind, source_of(source) if source else None, moment(since, "--since", books.config))
        found, following = books.security.events(wanted, limit, after)
    if json:
        print_json({"events": found, "next": following})
        return
    if not found:
        line("There are no such events.")
        return
    rows = [
        (str(one.id), when(one.last), one.kind, one.source or "-", f"{one.count:,}", one.user or "-", one.via,
         one.evidence[:_SHOWN])
        for one in found
    ]  # fmt: skip
    table(("EVENT", "AT", "KIND", "SOURCE", "COUNT", "USER", "VIA", "EVIDENCE"), rows, right=frozenset({0, 4}))
    if following:
        line(f"There are more: --after {following} shows the next ones.")


@security.command()
def findings(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    limit: LimitOption = 50,
    after: AfterOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List limits that are crossed now; with --all, also those that were."""
    with opened_books(config) as books:
        found, following = books.security.findings("all" if every else "open", limit, after)
    if json:
        print_json({"findings": found, "next": following})
        return
    if not found:
        line("No limit was ever crossed." if every else "No limit is crossed now; --all shows those that were.")
        return
    _findings(found)
    if following:
        line(f"There are more: --after {following} shows the next ones.")


@security.command()
def report(
    since: Annotated[str, typer.Option("--since", help="How far back, such as 24h or 7d.")] = "24h",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """The security check: failed logins, keys in logs, limits that were crossed, certificates near their end."""
    with opened_books(config) as books:
        found = books.security.report(since)
    if json:
        print_json(found)
        return
    _report(found)


@security.command()
def add(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="auth_failure, rate_limit, suspicious, or your own word.")
    ],
    source: Annotated[str, typer.Option("--source", help="The address it came from.")] = "",
    user: Annotated[str, typer.Option("--user", help="As whom, or the name that was tried.")] = "",
    route: Annotated[str, typer.Option("--route", help="On what: a path, a resource.")] = "",
    detail: Annotated[str, typer.Option("--detail", help="The evidence; secrets are masked.")] = "",
    key: Annotated[str | None, typer.Option("--key", help="Makes repeating safe for a day.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Record an event."""
    given = _submission({"kind": kind, "source": source, "user": user, "route": route, "detail": detail, "key": key})
    with opened_books(config) as books:
        taken = books.report_event(given, myself())
    if json:
        print_json(taken)
    else:
        line("The event is recorded." if taken.new else "This is recorded already.")


def _submission(values: dict[str, object]) -> "Submission":
    from daytwo.cli.given import made_of
    from daytwo.watch.security.event import Submission

    return made_of(Submission, values)


def _findings(found: "list[FindingData]") -> None:
    rows = [
        (str(one.id), one.state, one.kind, one.source or ("app" if one.per == "app" else "unknown"), f"{one.count:,}",
         f"{one.limit} in {lasting(one.within)}", when(one.begin), when(one.last))
        for one in found
    ]  # fmt: skip
    table(("FINDING", "STATE", "KIND", "SOURCE", "COUNT", "LIMIT", "BEGAN", "LAST"), rows, right=frozenset({0, 4}))


def _report(found: "SecurityReport") -> None:
    line(f"Security from {when(found.begin)} to {when(found.end)}")
    line()
    if found.kinds:
        rows = [(one.kind, f"{one.count:,}", f"{one.sources:,}") for one in found.kinds]
        table(("KIND", "EVENTS", "SOURCES"), rows, right=frozenset({1, 2}))
    else:
        line("Nothing happened.")
    if found.failures:
        line("\nFailed logins by source")
        failed = [
            (one.source or "unknown", f"{one.count:,}", when(one.last), ", ".join(one.users) or "-")
            for one in found.failures
        ]
        table(("SOURCE", "COUNT", "LAST", "USERS"), failed, right=frozenset({1}))
    if found.keys:
        line("\nKeys and tokens seen in logs: replace them, and keep them out")
        keys = [(one.route, one.via, f"{one.count:,}", when(one.last), one.evidence[:_SHOWN]) for one in found.keys]
        table(("KEY", "VIA", "COUNT", "LAST", "EVIDENCE"), keys, right=frozenset({2}))
    if found.findings:
        line("\nLimits that were crossed")
        _findings(found.findings)
    if found.certificates:
        line("\nCertificates near their end")
        near = [(one.check, f"{one.left / 86400:.1f} days", when(one.at)) for one in found.certificates]
        table(("CHECK", "LEFT", "LOOKED AT"), near)
    if found.uncounted:
        line(f"\n{found.uncounted} events claimed to be from the future: a clock is wrong where they come from.")
