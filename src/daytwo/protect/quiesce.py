"""Stop containers for the time of a dump, and put every one back into the state it was in, whatever happens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daytwo.core.command import command
from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import Ssh, Target, make_target

JOURNAL_ACT = "stop container"


@dataclass(frozen=True)
class Paused:
    """A container that a run stops, and what it was before.

    Args:
        container: its name.
        ssh: the SSH destination of its host, or empty for this one.
        was: its state before, as Docker names it.
    """

    container: str
    ssh: str
    was: str

    @property
    def host(self) -> Target:
        """Where its engine is reached."""
        return make_target(ssh=self.ssh or None)


def observe(container: str, host: Target, run: Run) -> Paused:
    """Look at a container's state.

    Raises:
        UnreachableError: there is no such container, or Docker does not answer.
    """
    done = capture(
        host,
        command(
            "docker",
            "inspect",
            "--type",
            "container",
            "-f",
            "{{.State.Status}}",
            container,
            where=f"container {container}",
        ),
        run,
    )
    return Paused(container, host.destination if isinstance(host, Ssh) else "", done.text.strip())


def stop(containers: Sequence[Paused], note: Callable[[Mapping[str, Any]], None], run: Run) -> None:
    """Stop those that run, each noted in the run's journal before it is stopped."""
    for one in containers:
        note({"act": JOURNAL_ACT, "container": one.container, "ssh": one.ssh, "was": one.was})
        if one.was == "running":
            capture(one.host, command("docker", "stop", one.container, where=f"container {one.container}"), run)


def put_back(containers: Sequence[Paused], run: Run) -> list[str]:
    """Start again those that ran; those that did not are left alone.

    Returns:
        What could not be put back, in words; the rest is put back nevertheless.
    """
    trouble = []
    for one in reversed(containers):
        if one.was != "running":
            continue
        try:
            capture(one.host, command("docker", "start", one.container, where=f"container {one.container}"), run)
            if observe(one.container, one.host, run).was != "running":
                raise CommandError(
                    "it was started and is not running",
                    where=f"container {one.container}",
                    hint=f"See `docker logs {one.container}`",
                )
        except DaytwoError as error:
            trouble.append(f"container {one.container} was running before and is stopped now: {error}")
    return trouble


def from_journal(journal: Sequence[Mapping[str, Any]]) -> list[Paused]:
    """The containers that a dead run's journal says it stopped."""
    return [
        Paused(str(line["container"]), str(line["ssh"]), str(line["was"]))
        for line in journal
        if line.get("act") == JOURNAL_ACT
    ]
