"""SQLite: one database file, copied as of one moment while it is in use, checked, and streamed."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, field_validator, model_validator

from daytwo.core.check import Check
from daytwo.core.query import Query, QueryName, reserved
from daytwo.core.service import Component, Service, ServiceSettings
from daytwo.services.sqlite.component import SqliteComponent
from daytwo.services.sqlite.place import DatabasePlace


class SqliteSettings(ServiceSettings):
    """Settings of kind `sqlite`."""

    path: str = Field(
        min_length=1,
        description="the database file; relative to the configuration file on this machine, absolute elsewhere",
    )

    queries: Mapping[QueryName, Query] = Field(
        default={}, description="queries that return a number each, by name: the checks `SERVICE.NAME`"
    )

    @field_validator("queries")
    @classmethod
    def _own_names(cls, value: Mapping[str, Query]) -> Mapping[str, Query]:
        reserved(tuple(value), ("integrity",))
        return value

    @model_validator(mode="after")
    def _absolute_elsewhere(self) -> Self:
        if (self.container or self.ssh) and not self.path.startswith("/"):
            raise ValueError(f"{self.path} must be absolute, as it is in a container or on another host")
        return self


class Sqlite(Service[SqliteSettings]):
    """A SQLite database."""

    kind = "sqlite"
    summary = "a SQLite database, copied while it is in use"
    Settings = SqliteSettings

    def components(self) -> tuple[Component, ...]:
        """The database file."""
        return (SqliteComponent(self.name, self._where(), secret=self.settings.secret),)

    def checks(self) -> tuple[Check, ...]:
        """Whether it answers, whether it is sound, and the queries of the configuration."""
        from daytwo.services.sqlite.asking import Line
        from daytwo.services.sqlite.checks import READY, DatabaseCheck, IntegrityCheck, SqliteQuery

        line = Line(self._where())
        queries = self.settings.queries.items()
        return (
            DatabaseCheck(self.name, self.name, self.timing(READY), line),
            IntegrityCheck(f"{self.name}.integrity", self.name, line),
            *(SqliteQuery(f"{self.name}.{name}", self.name, query, line) for name, query in queries),
        )

    def _where(self) -> DatabasePlace:
        path = str(self.place.path(self.settings.path)) if self.target.is_local else self.settings.path
        return DatabasePlace(self.target, path)

    def tools(self) -> tuple[str, ...]:
        """On this machine none: Python brings SQLite. Elsewhere `sqlite3` (or `python3`)."""
        return () if self.target.is_local else ("sqlite3",)
