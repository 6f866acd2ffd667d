"""Database containers as service settings: names from the environment, passwords as references, never as values.

A password is read from the container itself (`docker exec NAME printenv VARIABLE`): it is there whenever there is
something to dump, from cron too, and is written nowhere a second time.
"""

from typing import Any

from daytwo.init.compose import ComposeService, Mount
from daytwo.init.findings import Found
from daytwo.init.images import DATA, holds

FILL_IN = "FILL-IN"
"""Stands where only a person knows the name: the backup fails loudly until it is there."""

_KINDS = {"postgres": "PostgreSQL", "mysql": "MySQL or MariaDB", "redis": "Redis"}
_CLIENT_NAMES = ("WORDPRESS_DB_NAME", "DB_DATABASE", "DB_NAME", "DATABASE_NAME", "MYSQL_DATABASE", "MARIADB_DATABASE")


def database(
    service: ComposeService, kind: str, name: str, others: tuple[ComposeService, ...]
) -> tuple[Found, list[str]]:
    """A database container as a service, and what a person should look at.

    Args:
        service: the container.
        kind: `postgres`, `mysql` or `redis`.
        name: the name it gets.
        others: the project's services, whose environment may name the database.
    """
    make = {"postgres": _postgres, "mysql": _mysql, "redis": _redis}[kind]
    settings, warnings = make(service, others)
    comment = f"{_KINDS[kind]} ({service.image or 'built here'})"
    return Found(name, {"kind": kind, "container": service.container, **settings}, comment), warnings


def data_mounts(service: ComposeService, kind: str) -> tuple[Mount, ...]:
    """The mounts that hold what a dump holds."""
    pgdata = service.environment.get("PGDATA", "")
    paths = (*DATA[kind], *([pgdata] if kind == "postgres" and pgdata else []))
    return tuple(
        mount for mount in service.mounts if holds(mount.target, paths) or (pgdata and holds(pgdata, (mount.target,)))
    )


def _postgres(service: ComposeService, others: tuple[ComposeService, ...]) -> tuple[dict[str, Any], list[str]]:
    known, warnings = service.environment, []
    user = known.get("POSTGRES_USER") or known.get("POSTGRESQL_USERNAME") or "postgres"
    name = known.get("POSTGRES_DB") or known.get("POSTGRESQL_DATABASE") or user
    for variable in ("POSTGRES_USER_FILE", "POSTGRES_DB_FILE"):
        if known.get(variable):
            warnings.append(f"{service.name}: {variable} keeps a name in a file; write it into `user` or `database`")
    settings: dict[str, Any] = {"database": name, "user": user}
    # The official image trusts its local socket, so that no password is needed, unless initdb was told otherwise.
    if "bitnami" in service.image or "--auth" in known.get("POSTGRES_INITDB_ARGS", ""):
        settings |= _password(service, "POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
    return settings, warnings


def _mysql(service: ComposeService, others: tuple[ComposeService, ...]) -> tuple[dict[str, Any], list[str]]:
    known, warnings = service.environment, []
    name = known.get("MYSQL_DATABASE") or known.get("MARIADB_DATABASE") or _client_name(service, others)
    if not name:
        warnings.append(f"{service.name}: nothing says which database it holds; write its name instead of {FILL_IN}")
    settings: dict[str, Any] = {"database": name or FILL_IN}
    root = _password(service, "MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD")
    user = known.get("MYSQL_USER") or known.get("MARIADB_USER")
    if root:
        settings |= {"user": "root", **root}
    elif user:
        settings |= {"user": user, **_password(service, "MYSQL_PASSWORD", "MARIADB_PASSWORD")}
        warnings.append(
            f"{service.name}: the user {user} can dump its database; a restore needs one that may create databases, "
            "which root's random password does not give"
        )
    elif any(
        known.get(f"{brand}_ALLOW_EMPTY{form}_PASSWORD") for brand in ("MYSQL", "MARIADB") for form in ("", "_ROOT")
    ):
        settings |= {"user": "root"}
    else:
        warnings.append(f"{service.name}: no user and no password were found; add `user` and `password`")
    return settings, warnings


def _redis(service: ComposeService, others: tuple[ComposeService, ...]) -> tuple[dict[str, Any], list[str]]:
    found = _password(service, "REDIS_PASSWORD", "VALKEY_PASSWORD", "KEYDB_PASSWORD")
    if found:
        return found, []
    for index, word in enumerate(service.command[:-1]):
        if word == "--requirepass":
            format = f"{{{{index .Config.Cmd {index + 1}}}}}"
            return {"password": {"command": ["docker", "inspect", "-f", format, service.container]}}, []
    if any("requirepass" in word for word in service.command):
        return {}, [f"{service.name}: its command sets a password; add `password` to this service"]
    return {}, []


def _password(service: ComposeService, *variables: str) -> dict[str, Any]:
    for variable in variables:
        if path := service.environment.get(f"{variable}_FILE"):
            return {"password": {"command": ["docker", "exec", service.container, "cat", path]}}
        if service.environment.get(variable):
            return {"password": {"command": ["docker", "exec", service.container, "printenv", variable]}}
    return {}


def _client_name(service: ComposeService, others: tuple[ComposeService, ...]) -> str:
    """The database that another service says it uses on this one."""
    for other in others:
        hosts = [
            value.partition(":")[0] for key, value in other.environment.items() if key.endswith(("_HOST", "_DB_HOST"))
        ]
        if service.name in hosts:
            for variable in _CLIENT_NAMES:
                if other.environment.get(variable):
                    return other.environment[variable]
    return ""
