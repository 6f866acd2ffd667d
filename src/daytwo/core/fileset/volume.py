"""Finds out where a named Docker volume can be read and written."""

import json
from posixpath import join

from daytwo.core.command import command
from daytwo.core.errors import CommandError, SourceError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import Container, Target


def find_volume(name: str, host: Target, run: Run) -> tuple[Target, str]:
    """The place and the path of a volume: on the host where its folder may be read, else in a container that has it.

    Args:
        name: the volume's name, with the Compose project in front where there is one (`docker volume ls`).
        host: where the Docker engine is reached.
        run: the run it belongs to.

    Raises:
        SourceError: there is no such volume, or no way to read it.
    """
    try:
        text = capture(host, command("docker", "volume", "inspect", "--", name), run).text
    except CommandError as error:
        if "no such volume" not in str(error).lower():
            raise
        raise SourceError(
            f"there is no volume {name}",
            where=str(host),
            hint="`docker volume ls` lists them; Compose puts the project's name in front",
        ) from None
    folder = str(json.loads(text)[0]["Mountpoint"])
    script = '[ -d "$1" ] && [ -r "$1" ] && [ -x "$1" ]'
    if folder and capture(host, command("sh", "-c", script, "sh", folder, ok=(0, 1)), run).code == 0:
        return host, folder
    return _in_a_container(name, host, run)


def _in_a_container(name: str, host: Target, run: Run) -> tuple[Target, str]:
    """A container that has the volume mounted; a running one where there is one."""
    found = capture(host, command("docker", "ps", "--all", "--quiet", "--filter", f"volume={name}"), run).text.split()
    containers = json.loads(capture(host, command("docker", "inspect", "--", found), run).text) if found else []
    for container in sorted(containers, key=lambda one: not one["State"]["Running"]):
        for mount in container["Mounts"]:
            if mount.get("Name") == name:
                return Container(container["Name"].lstrip("/"), host), join("/", mount["Destination"])
    raise SourceError(
        f"the volume {name} cannot be read: its folder is closed to this user and no container has it mounted",
        where=str(host),
        hint="Run as root, or start a container that uses it",
    )
