"""Finds the configuration file and loads it whole, or tells everything that is wrong with it."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from daytwo.config.checks import cross_check
from daytwo.config.document import Document, parse, read_text
from daytwo.config.models import Config, Origin
from daytwo.config.problems import ConfigFileError, Spot
from daytwo.config.recipes import extend
from daytwo.config.validate import validate
from daytwo.core.errors import ConfigError
from daytwo.core.service import Place

NAMES = ("daytwo.yaml", "daytwo.yml")
SYSTEM = Path("/etc/daytwo/daytwo.yaml")


def find(start: Path | None = None) -> Path:
    """The configuration file that is meant when none is named.

    It is the one that `DAYTWO_CONFIG` names, else the nearest in the folder or one of its parents, else the system's.

    Args:
        start: the folder; the current one when absent.

    Raises:
        ConfigError: there is none.
    """
    if named := os.environ.get("DAYTWO_CONFIG"):
        return Path(named)
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        for name in NAMES:
            if (folder / name).is_file():
                return folder / name
    if SYSTEM.is_file():
        return SYSTEM
    raise ConfigError(
        f"there is no daytwo.yaml in {here}, above it or in {SYSTEM.parent}",
        hint="Make one with `daytwo init`, or name one with --config or DAYTWO_CONFIG",
    )


def load(path: Path | None = None) -> Config:
    """Load a configuration, with its recipes, checked against the plug-ins that it names.

    Args:
        path: the file, or the folder that holds it; looked for when absent (see `find`).

    Raises:
        ConfigFileError: it has mistakes; all of them are in it.
        ConfigError: there is no such file, or it cannot be read.
    """
    file = _file(path)
    return parsed(read_text(file), file)


def glimpse(path: Path | None = None) -> Config:
    """Load a configuration without its services and repositories, for a command that only looks at the state.

    It takes a third less time than `load`, as no plug-in is imported: of services and repositories it has the names
    only, and mistakes in them or between blocks are not noticed.

    Args:
        path: as for `load`.

    Raises:
        ConfigFileError, ConfigError: as for `load`.
    """
    file = _file(path)
    return parsed(read_text(file), file, plugins=False)


def parsed(text: str, file: Path, *, plugins: bool = True) -> Config:
    """A configuration from its text, as if it were in `file`.

    Args:
        text: the text.
        file: where it is, or would be.
        plugins: false for a `glimpse`.

    Raises:
        ConfigFileError: it has mistakes; all of them are in it.
    """
    document, sources = extend(parse(text, file.name), file.parent)
    if document.data is None:
        document = Document({}, {(): Spot(file.name, 1, 1)}, problems=document.problems)
    if document.problems:
        raise ConfigFileError.of(file.name, document.problems)
    parts = validate(document, plugins=plugins)
    if plugins and isinstance(document.data, dict):
        app, environment = (str(document.data.get(key) or "") for key in ("app", "environment"))
        cross_check(parts, Place(folder=file.parent, app=app, environment=environment or "production"))
    if parts.problems or parts.config is None:
        raise ConfigFileError.of(file.name, parts.problems)
    return parts.config.of(Origin(file, fingerprint(document), (file.name, *sources)))


def fingerprint(document: Document) -> str:
    """SHA-256, in hexadecimal, of what a document says, whatever its layout, order of keys, comments and recipes."""
    data: dict[str, Any] = {key: value for key, value in document.data.items() if key != "extends"}
    canonical = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _file(path: Path | None) -> Path:
    if path is None:
        return find().absolute()
    if path.is_dir():
        for name in NAMES:
            if (path / name).is_file():
                return (path / name).absolute()
        raise ConfigError(f"there is no daytwo.yaml in {path}", hint="Make one with `daytwo init`")
    return path.absolute()
