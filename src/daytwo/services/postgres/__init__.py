"""PostgreSQL: dumped by its own `pg_dump`, restored beside the live database and put in its place by renaming.

A dump is in `pg_dump`'s custom format, uncompressed; roles and tablespaces are a second component. Every program runs
where the service's target says: here, in the database's container, on an SSH host.
"""

from functools import cached_property

from daytwo.core.check import Check
from daytwo.core.errors import ConfigError
from daytwo.core.secrets import Secret, SecretRef
from daytwo.core.service import Component, Service
from daytwo.services.postgres.access import Access
from daytwo.services.postgres.database import DatabaseComponent, Tools
from daytwo.services.postgres.roles import GlobalsComponent
from daytwo.services.postgres.settings import Address, PostgresSettings, parse_url

__all__ = ["PostgresService"]


class PostgresService(Service[PostgresSettings]):
    """A PostgreSQL database."""

    kind = "postgres"
    summary = "a PostgreSQL database, with the server's roles"
    Settings = PostgresSettings

    def components(self) -> tuple[Component, ...]:
        """Roles first: a restored database belongs to them."""
        database = DatabaseComponent(self.name, self._tools)
        return (GlobalsComponent(self.name, self._tools), database) if self.settings.globals else (database,)

    @cached_property
    def _tools(self) -> Tools:
        return Tools(self.settings, self.target, self.access)

    def checks(self) -> tuple[Check, ...]:
        """Whether it answers, its tables, its slow statements, and the queries of the configuration."""
        from daytwo.services.postgres.asking import Line
        from daytwo.services.postgres.checks import READY, checks_of
        from daytwo.services.postgres.slow import SlowCheck

        line = Line(self.access, self.settings.bin)
        slow = SlowCheck(f"{self.name}.slow", self.name, self.settings.slow, line)
        return checks_of(self.name, line, self.timing(READY), self.settings.queries, (slow,))

    def tools(self) -> tuple[str, ...]:
        """The client tools; a folder of them is found by itself or named by `bin`."""
        return ("pg_dump", "pg_restore", "psql", "pg_dumpall") if self.settings.globals else (
            "pg_dump", "pg_restore", "psql")  # fmt: skip

    def access(self) -> Access:
        """How to reach the server, secrets resolved.

        Raises:
            SecretError: a secret cannot be had.
            ConfigError: a secret URL is not one.
        """
        address, settings = self._address(), self.settings
        password = self.secret(settings.password, "password")
        if password is None and address.password is not None:
            password = Secret(address.password)
        user = address.user or "postgres"
        # In a container the image lets its own users in through the socket; elsewhere that is rarely so.
        host = address.host if address.host or settings.container or settings.url else "localhost"
        return Access(
            self.name, self.target, host, address.port, user, address.database or user, password, address.parameters
        )

    def _address(self) -> Address:
        settings = self.settings
        if settings.url is None:
            return Address(settings.host, settings.port, settings.user, settings.database)
        if not isinstance(settings.url, SecretRef):
            return parse_url(settings.url)
        secret = self.secret(settings.url, "url")
        assert secret is not None
        try:
            return parse_url(secret.reveal())
        except ValueError as error:
            raise ConfigError(f"the URL in {settings.url} is not understood: {error}",
                              where=f"services.{self.name}.url") from None  # fmt: skip
