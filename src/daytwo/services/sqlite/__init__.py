"""SQLite: one database file, copied as of one moment while it is in use, checked, and streamed."""

from typing import Self

from pydantic import Field, model_validator

from daytwo.core.service import Component, Service, ServiceSettings
from daytwo.services.sqlite.component import SqliteComponent
from daytwo.services.sqlite.place import DatabasePlace


class SqliteSettings(ServiceSettings):
    """Settings of kind `sqlite`."""

    path: str = Field(
        min_length=1,
        description="the database file; relative to the configuration file on this machine, absolute elsewhere",
    )

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
        path = str(self.place.path(self.settings.path)) if self.target.is_local else self.settings.path
        return (SqliteComponent(self.name, DatabasePlace(self.target, path), secret=self.settings.secret),)

    def tools(self) -> tuple[str, ...]:
        """On this machine none: Python brings SQLite. Elsewhere `sqlite3` (or `python3`)."""
        return () if self.target.is_local else ("sqlite3",)
