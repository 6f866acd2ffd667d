"""A command as a value: what to run, never how.

A `Command` is built by pure functions, compared in tests, wrapped by a target and run by `core.process` only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from daytwo.core.secrets import Secret

TAG = "DAYTWO_RUN"
"""The environment variable that marks every process of a run, wherever it runs, so that it can be found and ended."""


@dataclass(frozen=True)
class Command:
    """A program with its arguments and surroundings.

    Args:
        argv: program and arguments; no shell reads them.
        env: environment variables beyond those inherited.
        secrets: environment variables whose values are secret: they reach the program through its environment or
            its standard input, never through argv.
        preamble: secret lines that are written to standard input before anything else.
        tag: the run this process belongs to.
        where: what to name in an error message, for instance `container postiz-postgres`.
        ok: the exit codes that mean success.
        name: what to call the program in an error, where argv begins with a wrapper.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    preamble: tuple[Secret, ...] = ()
    tag: str = ""
    where: str = ""
    ok: tuple[int, ...] = (0,)
    name: str = ""

    def tagged(self, run_id: str) -> "Command":
        """The same command, marked as part of a run."""
        return replace(self, tag=run_id)


def command(
    *argv: str | Iterable[str],
    env: Mapping[str, str] | None = None,
    secrets: Mapping[str, Secret | None] | None = None,
    where: str = "",
    ok: tuple[int, ...] = (0,),
) -> Command:
    """Build a command; iterables among the arguments are spliced in and absent secrets left out."""
    flat: list[str] = []
    for part in argv:
        if isinstance(part, str):
            flat.append(part)
        else:
            flat.extend(part)
    kept = {name: value for name, value in (secrets or {}).items() if value is not None}
    return Command(tuple(flat), env=dict(env or {}), secrets=kept, where=where, ok=ok)
