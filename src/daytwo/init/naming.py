"""Names for services, unique and valid."""

import os
import re
from pathlib import Path

_BAD = re.compile(r"[^A-Za-z0-9_.-]+")


class Names:
    """Gives names and remembers them."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """The wanted name, made valid, with a number behind it if it is taken."""
        base = slug_like(wanted)
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}-{number}", number + 1
        self._taken.add(name)
        return name


def near(path: Path, folder: Path) -> str:
    """A path as people write it in a file in a folder: relative where it is in the folder or beside it."""
    relative = os.path.relpath(path, folder)
    if relative == ".":
        return "."
    if not relative.startswith(".."):
        return f"./{relative}"
    return str(path) if relative.startswith("../..") or folder.parent == Path("/") else relative


def slug_like(text: str) -> str:
    """A text as a name of letters, digits, `-`, `_` and `.` that begins with a letter or a digit."""
    return _BAD.sub("-", text).strip("-._")[:60] or "data"


def app_slug(text: str) -> str:
    """A text as an app's name."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:60] or "app"
