"""From a folder to the configuration that fits it, decided before anything is written."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from daytwo.config.zone import host_zone
from daytwo.core.crypt import Key, new_key
from daytwo.init.apps import recognise, renamed
from daytwo.init.compose import ComposeService, Project, find, read
from daytwo.init.databases import database
from daytwo.init.findings import Findings, Found, LeftOut
from daytwo.init.mounts import is_engine, walk
from daytwo.init.naming import Names, app_slug, near
from daytwo.init.render import render
from daytwo.init.sqlite import databases_in

FILE = "daytwo.yaml"
_NOT_HTTP = frozenset({21, 22, 25, 53, 143, 465, 587, 993, 1025, 1883, 3306, 5432, 5672, 6379, 7233, 9092, 27017})
"""Ports of services that do not speak HTTP: mail, names, databases, queues, Temporal."""


@dataclass(frozen=True)
class InitPlan:
    """What `daytwo init` will write.

    Args:
        path: the file that will be written.
        text: its content.
        findings: what was found.
        key: the recovery key. Its secret half is nowhere in the text: show it to a person once.
    """

    path: Path
    text: str
    findings: Findings
    key: Key = field(repr=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should look at."""
        return self.findings.warnings


def plan(
    folder: Path,
    *,
    files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
    zone: str | None = None,
    key: Key | None = None,
) -> InitPlan:
    """Decide what the configuration of a folder is. Reads files only; runs nothing and writes nothing.

    Args:
        folder: the folder of the Compose file, or of an app without one.
        files: Compose files (`-f`); those that `docker compose` would take when empty.
        environ: environment variables that Compose sees; this process's when absent.
        zone: IANA zone; the host's when absent.
        key: the recovery key; a new one when absent.

    Raises:
        ConfigError: a Compose file is missing or cannot be read.
    """
    folder = folder.absolute()
    known = os.environ if environ is None else environ
    chosen = tuple(file if file.is_absolute() else folder / file for file in files) or find(folder, known)
    findings = of_project(read(folder, chosen, known)) if chosen else of_folder(folder)
    key = key or new_key()
    return InitPlan(folder / FILE, render(findings, key.recipient, zone or host_zone()), findings, key)


def of_project(project: Project) -> Findings:
    """What a Compose project holds."""
    names = Names()
    engines: dict[str, Found] = {}
    warnings: list[str] = []
    for service in project.services:
        if kind := is_engine(service):
            engines[service.name], more = database(service, kind, names.take(service.name), project.services)
            warnings += more
    held = walk(project, engines, names)
    found = [*engines.values(), *held.services]
    if files := _installation_files(project, held.files):
        found.append(
            Found(names.take("installation"), {"kind": "env", "paths": files}, "what the installation is made of")
        )
    app = recognise(project, found)
    new, useless = (app.names, app.useless) if app else ({}, {})
    left_over = [one for one in found if one.origin in useless]
    found = [one for one in found if one not in left_over]
    left_out = [replace(one, holder=new.get(one.holder, one.holder)) for one in held.left_out]
    left_out += [LeftOut(one.comment, useless[one.origin]) for one in left_over]
    left_out += [_dormant(service) for service in project.dormant]
    found, absent = renamed(found, new), app.absent if app else ()
    if app:
        watched = [one for one in _watched(app.web) if one.name not in {each.name for each in found}]
        absent = (*absent, *(() if any(one.name == "web" for one in (*found, *watched)) else ("web",)))
        found += watched
    return Findings(
        app=app_slug(project.name), source=_named(project), left_out=tuple(left_out), stop=tuple(held.stop),
        services=tuple(found),
        web=tuple(f"{service.name}: {address}" for service in project.services for address in _web(service)),
        recipes=(app.recipe,) if app else (), absent=absent,
        warnings=(*warnings, *held.warnings, *_unset(project)),
    )  # fmt: skip


def of_folder(folder: Path) -> Findings:
    """What a folder without a Compose file holds: its SQLite databases, and itself."""
    names = Names()
    found, exclude = [], ["/backups", "/.daytwo"]
    for file in databases_in(folder):
        inside = file.relative_to(folder)
        comment = f"SQLite database, backed up while it is in use: {inside}"
        found.append(Found(names.take(file.stem), {"kind": "sqlite", "path": f"./{inside}"}, comment))
        exclude += [f"/{inside}{ending}" for ending in ("", "-wal", "-shm", "-journal")]
    if (folder / ".env").is_file():
        found.append(Found(names.take("env"), {"kind": "env", "paths": ["./.env"]}, "its secrets"))
        exclude.append("/.env")
    settings = {"kind": "files", "path": ".", "exclude": exclude}
    found.append(Found(names.take("files"), settings, "the rest of this folder"))
    return Findings(app=app_slug(folder.name), source="this folder", services=tuple(found))


def _installation_files(project: Project, single: list[Path]) -> list[str]:
    """Files that describe the installation: Compose files, `.env`, `env_file`s, single files that are mounted."""
    env_files = [
        file for service in (*project.services, *project.dormant) for file in service.env_files if file.is_file()
    ]
    secret = [file for file in project.secret_files if file.is_file()]
    every = (*project.files, *project.dotenv, *env_files, *secret, *single)
    unique = dict.fromkeys(Path(os.path.normpath(file)) for file in every)
    return [near(file, project.folder) for file in unique]


def _named(project: Project) -> str:
    return ", ".join(near(file, project.folder).removeprefix("./") for file in project.files)


def _dormant(service: ComposeService) -> LeftOut:
    return LeftOut(service.name, f"started only with the profile {' or '.join(service.profiles)}; run init with "
                                 f"COMPOSE_PROFILES={service.profiles[0]} to include it")  # fmt: skip


def _watched(service: ComposeService) -> list[Found]:
    """What recipes watch besides what they back up: what people meet, where a port of it is published; the machine."""
    web = [{"kind": "http", "url": address, "container": service.container} for address in _web(service)[:1]]
    return [
        *(Found("web", one, f"what people meet ({service.image}); watched, not backed up") for one in web),
        Found("host", {"kind": "host"}, "this machine; watched, not backed up"),
    ]


def _web(service: ComposeService) -> list[str]:
    """Addresses of ports that are published and may speak HTTP."""
    if is_engine(service):
        return []
    out: dict[str, None] = {}
    for port in service.ports:
        address, _, protocol = port.partition("/")
        published, _, inside = address.rpartition(":")
        outside = published.rpartition(":")[2]
        if protocol in ("", "tcp") and outside.isdigit() and inside.isdigit() and int(inside) not in _NOT_HTTP:
            out[f"https://localhost:{outside}" if inside == "443" else f"http://localhost:{outside}"] = None
    return list(out)


def _unset(project: Project) -> list[str]:
    if not project.missing:
        return []
    return [f"variables without a value, which Compose takes as empty: {', '.join(project.missing)}"]
