"""The YAML block of a PostgreSQL service, and the address that it gives."""

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from daytwo.core.query import Query, QueryName, reserved
from daytwo.core.secrets import SecretRef, remember
from daytwo.core.service import ServiceSettings
from daytwo.core.units import Duration

PARAMETERS = {
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "sslnegotiation": "PGSSLNEGOTIATION", "channel_binding": "PGCHANNELBINDING", "gssencmode": "PGGSSENCMODE",
    "connect_timeout": "PGCONNECT_TIMEOUT", "options": "PGOPTIONS", "target_session_attrs": "PGTARGETSESSIONATTRS",
    "application_name": "PGAPPNAME", "requiressl": "PGREQUIRESSL", "krbsrvname": "PGKRBSRVNAME",
}  # fmt: skip
"""What a URL may say after `?`, and the environment variable by which every client tool takes it.

From the PostgreSQL manual, "Parameter Key Words" and "Environment Variables" of libpq.
"""
_PLACES = {"host": "host", "port": "port", "user": "user", "dbname": "database", "password": "password"}


@dataclass(frozen=True)
class Address:
    """What a `postgresql://` URL says; absent parts are None."""

    host: str | None = None
    port: int | None = None
    user: str | None = None
    database: str | None = None
    password: str | None = field(default=None, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_url(url: str) -> Address:
    """Take a URL apart. The message of an error never holds the URL.

    Raises:
        ValueError: it is not one, names several hosts, or has a parameter that is not known.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("write it like postgresql://user@host:5432/database")
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
        if "," in parts.netloc:
            raise ValueError
    except ValueError:
        raise ValueError(
            "host or port is not understood; one host only: postgresql://user@host:5432/database"
        ) from None
    values: dict[str, Any] = {
        "host": urllib.parse.unquote(host) if host else None, "port": port,
        "user": urllib.parse.unquote(parts.username) if parts.username else None,
        "password": urllib.parse.unquote(parts.password) if parts.password else None,
        "database": urllib.parse.unquote(parts.path.lstrip("/")) or None,
    }  # fmt: skip
    parameters: dict[str, str] = {}
    for key, value in urllib.parse.parse_qsl(parts.query):
        if key in _PLACES:
            values[_PLACES[key]] = int(value) if key == "port" else value
        elif key in PARAMETERS:
            parameters[PARAMETERS[key]] = value
        else:
            raise ValueError(f"the parameter {key} is not known; there are {', '.join(sorted(PARAMETERS))}")
    return Address(**values, parameters=parameters)


class PostgresSettings(ServiceSettings):
    """A PostgreSQL database: in a container, local, on an SSH host, or by URL."""

    kind: Literal["postgres"] = Field(default="postgres", description="what sort of service it is")
    model_config = ConfigDict(hide_input_in_errors=True)

    database: str | None = Field(default=None, min_length=1, description="the database; named like the user by default")
    user: str | None = Field(default=None, min_length=1, description="the role to connect as; `postgres` by default")
    host: str | None = Field(
        default=None,
        description="server's name, or the folder of its socket; by default the local socket in a container, "
        "`localhost` elsewhere",
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="TCP port; 5432 by default")
    password: SecretRef | None = Field(default=None, description="where the password is found")
    url: SecretRef | str | None = Field(
        default=None,
        description="`postgresql://` address instead of host, port, user and database; one with a password in it "
        "is a secret: {env: DATABASE_URL}",
    )
    bin: Path | None = Field(default=None, description="folder of the client tools where its commands run")
    globals: bool = Field(
        default=True,
        description="dump the server's roles and tablespaces too; password hashes only when `secret` is true",
    )
    exclude_tables: tuple[str, ...] = Field(
        default=(),
        description="tables left out of the dump, as patterns of `pg_dump --exclude-table`; after a restore of the "
        "whole database they are only in the one from before",
    )
    jobs: int = Field(default=2, ge=1, le=64, description="how many connections restore side by side")
    slow: Duration = Field(
        default=Duration(1), gt=0, description="a statement that takes longer on average is slow (pg_stat_statements)"
    )
    queries: Mapping[QueryName, Query] = Field(
        default={}, description="queries that return a number each, by name: the checks `SERVICE.NAME`"
    )

    @field_validator("url", mode="before")
    @classmethod
    def _no_password(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        address = parse_url(value)
        if address.password is not None:
            remember(address.password)
            raise ValueError(
                "a URL with a password does not belong in this file: write {env: DATABASE_URL}, or leave the "
                "password out and give it as `password: {env: NAME}`"
            )
        return value

    @field_validator("queries")
    @classmethod
    def _own_names(cls, value: Mapping[str, Query]) -> Mapping[str, Query]:
        reserved(tuple(value), ("tables", "slow"))
        return value

    @model_validator(mode="after")
    def _url_or_parts(self) -> Self:
        given = [name for name in ("host", "port", "user", "database") if getattr(self, name) is not None]
        if self.url is not None and given:
            raise ValueError(f"give either url or {', '.join(given)}, not both")
        return self
