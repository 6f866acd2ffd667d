"""Volumes and folders as service settings: what holds data, what is secret, what is left out and why."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daytwo.init.compose import ComposeService, Mount, Project
from daytwo.init.databases import data_mounts
from daytwo.init.findings import Found, LeftOut
from daytwo.init.images import engine_of, keeper_of
from daytwo.init.naming import Names, near
from daytwo.init.sqlite import databases_in

HOST_PATHS = ("/proc", "/sys", "/dev", "/run", "/var/run", "/var/lib/docker", "/etc/localtime", "/etc/timezone",
              "/etc/passwd", "/etc/group", "/lib/modules", "/var/log", "/boot", "/usr")  # fmt: skip
_CACHE = frozenset({"cache", "caches", ".cache", "tmp", "temp", "node_modules", "__pycache__"})
_SECRET = frozenset({
    "config", "configs", "conf", "secret", "secrets", "cert", "certs", "certificates", "ssl", "tls", "letsencrypt",
    "acme", "key", "keys", "credentials", "vault", "vaultwarden", "gnupg", "ssh", "wireguard", "etc",
})  # fmt: skip
_KEEPS_SECRETS = ("vaultwarden", "caddy", "traefik")
"""Images that keep passwords or the private keys of certificates among their data."""
_WORDS = re.compile(r"[^a-z0-9.]+")


@dataclass
class Holders:
    """What is found of a project's mounts, gathered in one walk.

    Args:
        services: what is backed up.
        left_out: what is not.
        stop: containers to stop, with the reason.
        warnings: what a person should look at.
        files: single files of the host that belong to the installation.
    """

    services: list[Found] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    stop: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    done: set[str] = field(default_factory=set)


def walk(project: Project, engines: dict[str, Found], names: Names) -> Holders:
    """Look at every mount of every service once; a volume that two services share counts for the first.

    Args:
        project: the project.
        engines: the database services by the name of their Compose service.
        names: the names given so far.
    """
    out = Holders()
    for service in project.services:
        if found := engines.get(service.name):
            for mount in data_mounts(service, str(found.settings["kind"])):
                _covered(project, service, mount, found, out)
            if not data_mounts(service, str(found.settings["kind"])) and found.settings["kind"] != "redis":
                out.warnings.append(
                    f"{service.name}: no volume is mounted where its image keeps its data, so Docker makes one "
                    "without a name, and the next `docker compose up` that recreates the container starts with an "
                    "empty database; give it a named volume"
                )  # fmt: skip
    for service in project.services:
        for mount in service.mounts:
            _one(project, service, mount, names, out)
    return out


def _covered(project: Project, service: ComposeService, mount: Mount, found: Found, out: Holders) -> None:
    if mount.kind == "anonymous":
        out.warnings.append(_nameless(service, mount))
        out.done.add(identity_of(service, mount))
        return
    if mount.source not in out.done:
        out.done.add(mount.source)
        out.left_out.append(LeftOut(_named(mount, service, project.folder), holder=found.name))


def _one(project: Project, service: ComposeService, mount: Mount, names: Names, out: Holders) -> None:
    identity = identity_of(service, mount)
    if identity in out.done:
        return
    out.done.add(identity)
    if why := _why_not(project, mount):
        if why != "host":
            out.left_out.append(LeftOut(_named(mount, service, project.folder), why))
        return
    if mount.kind == "bind" and Path(mount.source).is_file():
        out.files.append(Path(mount.source))
        return
    if mount.kind == "anonymous":
        out.warnings.append(_nameless(service, mount))
    if mount.kind == "bind" and not Path(mount.source).exists():
        shown = near(Path(mount.source), project.folder)
        out.warnings.append(f"{service.name}: {shown} is not there yet; a backup fails until it is")
    exclude = _databases_inside(project, mount, names, out)
    settings = _settings(project, service, mount) | ({"exclude": exclude} if exclude else {})
    if _is_secret(service, mount):
        settings["secret"] = True
    name = names.take(_base_name(service, mount))
    out.services.append(Found(name, settings, _named(mount, service, project.folder), identity))
    keeper = keeper_of(service.image, mount.target)
    if keeper and not exclude and service.container not in dict(out.stop):
        out.stop.append(
            (service.container, f"{name} holds {keeper.what}, which must not be copied while being written")
        )


def _why_not(project: Project, mount: Mount) -> str:
    """Why a mount is left out; `host` for what is the machine's own and needs no word, empty when it is not."""
    if mount.kind == "bind":
        path = Path(mount.source)
        if path == Path("/") or any(path == Path(one) or path.is_relative_to(one) for one in HOST_PATHS):
            return "host"
        if path.suffix == ".sock":
            return "host"
        if mount.read_only and not path.is_relative_to(project.folder.absolute()):
            return "the app only reads it, and it is not in this folder; add it if nothing else keeps it"
    last = Path(mount.target).name.lower()
    if last in _CACHE or set(_WORDS.split(mount.key.lower().rpartition("/")[2])) & _CACHE:
        return "a cache: what is in it can be made again"
    return ""


def _settings(project: Project, service: ComposeService, mount: Mount) -> dict[str, Any]:
    if mount.kind == "volume":
        return {"kind": "files", "volume": mount.source}
    if mount.kind == "anonymous":
        return {"kind": "files", "container": service.container, "path": mount.target}
    return {"kind": "files", "path": near(Path(mount.source), project.folder)}


def _databases_inside(project: Project, mount: Mount, names: Names, out: Holders) -> list[str]:
    """SQLite files in a folder of the host become services of their own; the folder's backup leaves them out."""
    if mount.kind != "bind":
        return []
    exclude = ["/backups", "/.daytwo"] if Path(mount.source) == project.folder.absolute() else []
    for file in databases_in(Path(mount.source)):
        inside = file.relative_to(mount.source)
        shown = near(file, project.folder)
        out.services.append(Found(names.take(file.stem), {"kind": "sqlite", "path": shown}, f"SQLite database {shown}"))
        exclude += [f"/{inside}{ending}" for ending in ("", "-wal", "-shm", "-journal")]
    return exclude


def _is_secret(service: ComposeService, mount: Mount) -> bool:
    words = set(_WORDS.split(mount.key.lower().rpartition("/")[2])) | set(_WORDS.split(Path(mount.target).name.lower()))
    under_etc = mount.target.startswith("/etc/")
    return bool(words & _SECRET) or under_etc or any(name in service.image for name in _KEEPS_SECRETS)


def _base_name(service: ComposeService, mount: Mount) -> str:
    if mount.kind == "volume":
        return mount.key
    if mount.kind == "anonymous":
        return f"{service.name}-{Path(mount.target).name}"
    return Path(mount.source).name or service.name


def _named(mount: Mount, service: ComposeService, folder: Path) -> str:
    shown = near(Path(mount.source), folder) if mount.kind == "bind" else ""
    what = {"volume": f"volume {mount.source}", "bind": shown, "anonymous": "a volume without a name"}[mount.kind]
    return f"{what} ({service.name}:{mount.target})"


def _nameless(service: ComposeService, mount: Mount) -> str:
    return (
        f"{service.name}: the volume at {mount.target} has no name, so its data stays behind when the container is "
        f"recreated; name it, for instance `{service.name}-data:{mount.target}`"
    )


def identity_of(service: ComposeService, mount: Mount) -> str:
    """What tells a mount from others: a volume that two services share is the same."""
    return mount.source or f"{service.name}:{mount.target}"


def is_engine(service: ComposeService) -> str | None:
    """The kind of database that a Compose service is, or None."""
    return engine_of(service.image, tuple(mount.target for mount in service.mounts))
