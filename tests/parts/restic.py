"""restic: the program that the repositories of kind `restic` run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.parts.need import require


@dataclass(frozen=True)
class Restic:
    """The installed program."""

    path: Path
    version: tuple[int, ...]


def restic() -> Restic:
    """Find restic."""
    path = require("restic")
    words = subprocess.run([path, "version"], check=True, capture_output=True, text=True, timeout=30).stdout.split()
    return Restic(path, tuple(int(part) for part in words[1].split("-")[0].split(".")))
