"""Is this machine able to protect the app? Each question has an answer and, where it is no, a remedy."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from daytwo.core.command import command
from daytwo.core.errors import DaytwoError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import Target
from daytwo.core.units import Size
from daytwo.protect import own
from daytwo.protect.workbench import Workbench


class Verdict(StrEnum):
    """How a question was answered."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One answer.

    Args:
        topic: what it is about.
        verdict: how it stands.
        text: what was found.
        remedy: what to do, when it is not ok.
    """

    topic: str
    verdict: Verdict
    text: str
    remedy: str = ""


def examine(bench: Workbench, run: Run) -> Iterator[Finding]:
    """Ask everything, one after another, so that answers can be shown as they come."""
    yield Finding("configuration", Verdict.OK, f"{bench.config.path}, fingerprint {bench.config.fingerprint[:12]}")
    yield Finding("state", Verdict.OK, f"{bench.database.url}")
    yield from _keys(bench)
    for name, service in bench.services.items():
        if name == own.NAME:
            continue
        yield from _tools(f"service {name}", service.target, service.tools(), run)
        for component in service.components():
            yield _ask(f"{component.name}", lambda part=component: part.identity(run).label)  # type: ignore[misc]
    for name in bench.repositories:
        yield from _repository(bench, name, run)
    yield from _stale(bench)


def _ask(topic: str, question: Callable[[], str]) -> Finding:
    try:
        return Finding(topic, Verdict.OK, question())
    except DaytwoError as error:
        where = f"{error.where}: " if error.where and error.where != topic else ""
        return Finding(topic, Verdict.FAILED, where + error.what, error.hint)


def _keys(bench: Workbench) -> Iterator[Finding]:
    secret = [part.name for service in bench.services.values() for part in service.components() if part.secret]
    recipients = bench.config.recovery.recipients
    if secret and recipients:
        yield Finding(
            "keys",
            Verdict.OK,
            f"{len(recipients)} recovery recipients for {', '.join(secret)}; prove a key with `daytwo keys check`",
        )
    elif secret:
        yield Finding(
            "keys",
            Verdict.FAILED,
            f"{', '.join(secret)} must be encrypted and there is no recipient",
            "Run `daytwo keys new`",
        )


def _tools(topic: str, target: Target, tools: tuple[str, ...], run: Run) -> Iterator[Finding]:
    missing = []
    for tool in tools:
        if target.is_local:
            found = shutil.which(tool) is not None
        else:
            try:
                capture(target, command("sh", "-c", 'command -v "$1"', "sh", tool), run)
                found = True
            except DaytwoError as error:
                if not error.permanent:
                    yield Finding(topic, Verdict.FAILED, f"{error.where}: {error.what}", error.hint)
                    return
                found = False
        if not found:
            missing.append(tool)
    if missing:
        yield Finding(
            topic,
            Verdict.FAILED,
            f"not installed in {target}: {', '.join(missing)}",
            f"Install {', '.join(missing)} there",
        )


def _repository(bench: Workbench, name: str, run: Run) -> Iterator[Finding]:
    repository, topic = bench.repositories[name], f"repository {name}"

    def reach() -> str:
        repository.check(run)
        found = repository.snapshots(run)
        return f"reachable, {len(found)} snapshots"

    finding = _ask(topic, reach)
    yield finding
    free = repository.free() if finding.verdict is Verdict.OK else None
    if free is None:
        return
    needed = max((one.manifest.size for one in repository.snapshots(run)[-3:]), default=0)
    if free < needed:
        yield Finding(
            topic,
            Verdict.WARNING,
            f"{Size(free).human} free, the last snapshots had {Size(needed).human}",
            "Make room, or lower the retention",
        )
    else:
        yield Finding(topic, Verdict.OK, f"{Size(free).human} free")


def _stale(bench: Workbench) -> Iterator[Finding]:
    for row in bench.runs.unfinished():
        if bench.is_dead(row.owner):
            yield Finding(
                "runs",
                Verdict.WARNING,
                f"{row.kind} {row.subject} (run {row.id}) was interrupted",
                "The next backup cleans it up",
            )
