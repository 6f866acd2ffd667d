"""Whom to believe."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trust:
    """Whom to believe.

    Args:
        ca: a file of authorities in PEM form, instead of the system's.
        insecure: believe anybody.
    """

    ca: Path | None = None
    insecure: bool = False
