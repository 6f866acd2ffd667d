"""Reads a Compose project as `docker compose` would, without it: services, images, environment, volumes, names.

Only what a backup needs is read. The tests compare the result with `docker compose config`.
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from daytwo.config.document import parse, read_text
from daytwo.config.problems import ConfigFileError
from daytwo.core.errors import ConfigError
from daytwo.init.merging import TAGS, changed, merged, normalised, odd_shape, target_of, untagged
from daytwo.init.variables import read_env, substitute_all

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = ("compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml")  # fmt: skip # noqa: E501
_DEEPEST = 20


@dataclass(frozen=True)
class Mount:
    """Something that is mounted into a container.

    Args:
        kind: a named volume, a folder or file of the host, or a volume without a name.
        source: the volume's name as Docker knows it, or the path on the host.
        target: the path inside.
        key: what the Compose file calls it.
        read_only: whether the container may only read it.
    """

    kind: Literal["volume", "bind", "anonymous"]
    source: str
    target: str
    key: str = ""
    read_only: bool = False


@dataclass(frozen=True)
class ComposeService:
    """One service of a Compose project.

    Args:
        name: its name in the file.
        image: its image, or empty where it is built.
        container: the container's name.
        environment: its variables, those of its `env_file`s included. Holds secrets: for decisions, never for output.
        command: what it runs instead of its image's own command. May hold secrets, too.
        mounts: what is mounted into it.
        env_files: the files its variables come from.
        ports: `host:container` of published TCP ports.
        profiles: the profiles it is part of; it is always started when empty.
    """

    name: str
    image: str
    container: str
    environment: Mapping[str, str] = field(repr=False)
    command: tuple[str, ...] = field(default=(), repr=False)
    mounts: tuple[Mount, ...] = ()
    env_files: tuple[Path, ...] = ()
    ports: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """A Compose project.

    Args:
        name: the project's name.
        folder: its folder.
        files: the files it was read from, includes too.
        services: those that are started.
        dormant: those whose profile is not active.
        volumes: top-level volumes: what the file calls it, and its name for Docker.
        dotenv: the `.env` files that were read.
        secret_files: files behind the top-level `secrets` and `configs`.
        missing: variables that have neither a value nor a default.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    services: tuple[ComposeService, ...]
    dormant: tuple[ComposeService, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)
    dotenv: tuple[Path, ...] = ()
    secret_files: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()


def find(folder: Path, environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """The Compose files that `docker compose` would take in a folder; empty where there is none."""
    variables = _dotenv(folder, environ or {})
    if listed := variables.get("COMPOSE_FILE"):
        separator = variables.get("COMPOSE_PATH_SEPARATOR", os.pathsep)
        return tuple(folder / one for one in listed.split(separator) if one)
    for name in NAMES:
        if (folder / name).is_file():
            more = [folder / one for one in OVERRIDES if (folder / one).is_file()]
            return (folder / name, *more[:1])
    return ()


def read(folder: Path, files: Sequence[Path], environ: Mapping[str, str]) -> Project:
    """Read a project.

    Args:
        folder: the project's folder.
        files: its Compose files, later ones override.
        environ: environment variables, which go before the `.env` file.

    Raises:
        ConfigError: a file is not there or is not YAML, or is no Compose file.
    """
    reader = _Reader(environ)
    data = reader.files(folder, files)
    variables = reader.variables(folder)
    name = _project_name(variables.get("COMPOSE_PROJECT_NAME") or str(data.get("name") or "") or folder.resolve().name)
    active = {one for one in variables.get("COMPOSE_PROFILES", "").split(",") if one}
    volumes = {key: _volume_name(key, block, name) for key, block in (data.get("volumes") or {}).items()}
    made = [_service(key, block, name, variables, volumes) for key, block in (data.get("services") or {}).items()]
    started = tuple(one for one in made if not one.profiles or active & set(one.profiles) or "*" in active)
    return Project(
        name=name, folder=folder, files=tuple(dict.fromkeys(reader.read)), services=started,
        dormant=tuple(one for one in made if one not in started), volumes=volumes,
        dotenv=tuple(dict.fromkeys(reader.dotenv)), secret_files=tuple(_files_of(data)),
        missing=tuple(sorted(reader.missing)),
    )  # fmt: skip


class _Reader:
    """Reads files with everything they include and extend, every relative path made absolute."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.read: list[Path] = []
        self.dotenv: list[Path] = []
        self.missing: set[str] = set()

    def variables(self, folder: Path) -> dict[str, str]:
        """The variables that count for files of a folder."""
        return _dotenv(folder, self.environ, self.dotenv)

    def files(
        self, folder: Path, files: Sequence[Path], variables: Mapping[str, str] | None = None, depth: int = 0
    ) -> dict[str, Any]:
        """The merged content of files that belong together."""
        if depth > _DEEPEST:
            raise ConfigError("the Compose files include each other", where=str(files[0]))
        known = self.variables(folder) if variables is None else variables
        whole: dict[str, Any] = {}
        for file in files:
            data = self._one(file, folder, known, depth)
            for include in data.pop("include", None) or []:
                data = merged(self._included(include, folder, known, depth), data)
            whole = merged(whole, data)
        return untagged(whole)  # type: ignore[no-any-return]

    def _one(self, file: Path, folder: Path, variables: Mapping[str, str], depth: int) -> dict[str, Any]:
        if not file.is_file():
            raise ConfigError(f"there is no Compose file {file}", hint="Check its path")
        document = parse(read_text(file), file.name, tags=TAGS)
        if document.problems:
            raise ConfigFileError.of(str(file), document.problems)
        if not isinstance(document.data, dict):
            raise ConfigError("this is no Compose file: it holds no map", where=str(file))
        if odd := odd_shape(document.data):
            raise ConfigError(
                f"this is no Compose file: {odd}", where=str(file), hint="`docker compose config` reads it"
            )
        self.read.append(file)
        data: dict[str, Any] = substitute_all(document.data, variables, self.missing)
        for section in ("secrets", "configs"):
            if isinstance(data.get(section), dict):
                data[section] = {name: _rooted_file(block, folder) for name, block in data[section].items()}
        services = data.get("services") or {}
        data["services"] = {
            name: self._extended(name, _rooted(normalised(block), folder), services, file, folder, variables, depth)
            for name, block in services.items()
        }
        return data

    def _extended(
        self, name: str, block: dict[str, Any], services: Mapping[str, Any], file: Path, folder: Path,
        variables: Mapping[str, str], depth: int,
    ) -> dict[str, Any]:  # fmt: skip
        base = block.pop("extends", None)
        if base is None:
            return block
        if depth > _DEEPEST:
            raise ConfigError(f"the service {name} extends itself", where=str(file))
        base = {"service": base} if isinstance(base, str) else base
        other = base.get("service")
        if base.get("file"):
            source = (folder / str(base["file"])).resolve()
            below = self._one(source, source.parent, variables, depth + 1)["services"]
        else:
            below = services
        if other not in below:
            raise ConfigError(f"{name} extends {other}, which is not there", where=str(base.get("file") or file))
        under = dict(below[other])
        if not base.get("file"):
            under = _rooted(normalised(under), folder)
            under = self._extended(str(other), under, services, file, folder, variables, depth + 1)
        return merged(under, block)  # type: ignore[no-any-return]

    def _included(self, include: Any, folder: Path, variables: Mapping[str, str], depth: int) -> dict[str, Any]:
        block = {"path": include} if isinstance(include, str) else dict(include)
        paths = [block["path"]] if isinstance(block.get("path"), str) else list(block.get("path") or [])
        if not paths:
            raise ConfigError("an include names no path", where=str(folder))
        files = [folder / str(path) for path in paths]
        below = folder / str(block["project_directory"]) if block.get("project_directory") else files[0].parent
        named = block.get("env_file")
        env_files = [named] if isinstance(named, str) else named
        if env_files is None:
            known = (
                {**_dotenv(below, {}, self.dotenv), **variables} if below.resolve() != folder.resolve() else variables
            )
        else:
            known = {}
            for one in env_files:
                known |= read_env(read_text(folder / one), {**known, **variables})
                self.dotenv.append(folder / one)
            known |= variables
        return self.files(below, files, known, depth + 1)


def _rooted(block: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A service whose paths on the host are absolute."""

    def env_files(listed: Any) -> Any:
        named = [one if isinstance(one, dict) else {"path": one} for one in listed or []]
        return [{**one, "path": _host_path(str(one.get("path")), folder)} for one in named]

    out = changed(block, "volumes", lambda listed: [_rooted_mount(one, folder) for one in listed or []])
    return changed(out, "env_file", env_files)


def _rooted_file(block: Any, folder: Path) -> Any:
    """A top-level secret or config whose file is absolute."""
    has_file = isinstance(block, dict) and isinstance(block.get("file"), str)
    return {**block, "file": _host_path(block["file"], folder)} if has_file else block


def _files_of(data: Mapping[str, Any]) -> Iterator[Path]:
    for section in ("secrets", "configs"):
        for block in (data.get(section) or {}).values():
            if isinstance(block, Mapping) and block.get("file"):
                yield Path(block["file"])


def _rooted_mount(mount: Any, folder: Path) -> Any:
    """A mount in the long form."""
    if isinstance(mount, dict):
        out = {**mount, "type": mount.get("type") or "volume"}
        if out["type"] == "bind":
            out["source"] = _host_path(str(mount.get("source", ".")), folder)
        return out
    parts = str(mount).split(":")
    if len(parts) == 1:
        return {"type": "volume", "target": parts[0]}
    source, mode = parts[0], (parts[2].split(",") if len(parts) > 2 else [])
    out = {"type": "volume", "source": source, "target": parts[1]}
    if source.startswith((".", "/", "~")):
        out |= {"type": "bind", "source": _host_path(source, folder)}
    return out | ({"read_only": True} if "ro" in mode else {})


def _host_path(path: str, folder: Path) -> str:
    return os.path.normpath(folder / Path(path).expanduser())


def _service(
    name: str, block: Mapping[str, Any], project: str, around: Mapping[str, str], volumes: Mapping[str, str]
) -> ComposeService:
    mounts = [_mount(one, volumes) for one in block.get("volumes") or []]
    env_files = [Path(one["path"]) for one in block.get("env_file") or []]
    variables: dict[str, str] = {}
    for file in env_files:
        if file.is_file():
            variables |= read_env(read_text(file), around)
    for key, value in (block.get("environment") or {}).items():
        if value is not None:
            variables[key] = _as_text(value)
        elif key in around:  # a name alone passes on the value that Compose itself has
            variables[key] = around[key]
    return ComposeService(
        name=name,
        image=str(block.get("image") or ""),
        container=str(block.get("container_name") or f"{project}-{name}-1"),
        environment=variables,
        command=_words(block.get("command")),
        mounts=tuple(one for one in mounts if one is not None),
        env_files=tuple(env_files),
        ports=tuple(_port(one) for one in block.get("ports") or []),
        profiles=tuple(str(one) for one in block.get("profiles") or []),
    )


def _words(command: Any) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command)) if isinstance(command, str) else tuple(str(one) for one in command or [])
    except ValueError:
        return (command,)


def _mount(block: Mapping[str, Any], volumes: Mapping[str, str]) -> Mount | None:
    kind, source, target = block.get("type"), str(block.get("source") or ""), target_of(dict(block))
    read_only = bool(block.get("read_only"))
    if kind == "bind":
        return Mount("bind", source, target, source, read_only)
    if kind != "volume":
        return None
    if not source:
        return Mount("anonymous", "", target, "", read_only)
    return Mount("volume", volumes.get(source, source), target, source, read_only)


def _volume_name(key: str, block: Any, project: str) -> str:
    block = block if isinstance(block, Mapping) else {}
    external = block.get("external")
    if isinstance(external, Mapping):
        return str(external.get("name") or block.get("name") or key)
    return str(block.get("name") or (key if external else f"{project}_{key}"))


def _port(port: Any) -> str:
    if isinstance(port, Mapping):
        return f"{port.get('published', '')}:{port.get('target', '')}"
    return str(port)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _project_name(text: str) -> str:
    """A project's name as Compose makes it of any text."""
    return re.sub(r"[^a-z0-9_-]", "", text.lower()).lstrip("_-") or "app"


def _dotenv(folder: Path, environ: Mapping[str, str], seen: list[Path] | None = None) -> dict[str, str]:
    file = folder / ".env"
    if not file.is_file():
        return dict(environ)
    if seen is not None:
        seen.append(file)
    return {**read_env(read_text(file), environ), **environ}
