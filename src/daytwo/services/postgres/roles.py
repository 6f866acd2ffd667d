"""The component that holds a server's roles and tablespaces, which no dump of one database has (F03)."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from daytwo.core.errors import IntegrityError, SourceError
from daytwo.core.manifest import Identity
from daytwo.core.process import Process
from daytwo.core.run import Run
from daytwo.core.service import Component, Dump, DumpFacts, Phase, Source, Staged, Swapped, Verification
from daytwo.services.postgres.database import Tools
from daytwo.services.postgres.names import statements
from daytwo.services.postgres.session import Session

END = "-- PostgreSQL database cluster dump complete"
"""The line at the end of a whole dump of `pg_dumpall`."""
LARGEST = 64 << 20
"""Bytes; roles fit in far less, and they are looked at in memory."""
_NAME = r'(?P<{}>"(?:[^"]|"")*"|[^\s;]+)'
_ROLE = re.compile(rf"(?:CREATE|ALTER|COMMENT ON) ROLE {_NAME.format('role')}")
_MEMBER = re.compile(rf"GRANT {_NAME.format('group')} TO {_NAME.format('member')}")
_PARAMETER = re.compile(rf"GRANT .* ON PARAMETER .* TO {_NAME.format('role')}")
_TABLESPACE = re.compile(rf"CREATE TABLESPACE {_NAME.format('name')}")


@dataclass(frozen=True)
class Globals:
    """What a dump of roles and tablespaces says.

    Args:
        roles: their names, in order.
        tablespaces: their names.
        statements: all of it.
    """

    roles: tuple[str, ...]
    tablespaces: tuple[str, ...]
    statements: tuple[str, ...]

    def creating(self, existing: frozenset[str]) -> tuple[str, ...]:
        """The statements that make the roles which do not exist, and change none that does.

        A membership is granted when its group or its member is new.
        """
        return tuple(statement for statement in self.statements if self._is_new(statement, existing))

    def _is_new(self, statement: str, existing: frozenset[str]) -> bool:
        if role := _ROLE.match(statement) or _PARAMETER.match(statement):
            return _plain(role["role"]) not in existing
        if member := _MEMBER.match(statement):
            return not {_plain(member["group"]), _plain(member["member"])} <= existing
        return False


def parse_globals(text: str) -> Globals:
    """Read the output of `pg_dumpall --globals-only`."""
    all_of_it = tuple(statements(text))
    roles = [_plain(m["role"]) for one in all_of_it if one.startswith("CREATE") and (m := _ROLE.match(one))]
    spaces = [_plain(m["name"]) for one in all_of_it if (m := _TABLESPACE.match(one))]
    return Globals(tuple(roles), tuple(spaces), all_of_it)


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


class GlobalsDump(Dump):
    """A running `pg_dumpall --globals-only`."""

    settled = True  # no row in it points to a file

    def __init__(self, session: Session, process: Process, source: Identity) -> None:
        self._session = session
        self._process = process
        self._source = source
        self._text = b""

    def chunks(self) -> Iterator[bytes]:
        """The SQL."""
        for chunk in self._process.chunks():
            self._text += chunk
            if len(self._text) > LARGEST:
                raise SourceError("the roles are larger than a dump of them can be", where=self._session.access.where)
            yield chunk
        if END not in self._text.decode("utf-8", "replace"):
            raise SourceError("pg_dumpall did not write to its end", where=self._session.access.where)

    def facts(self) -> DumpFacts:
        """The names of the roles and tablespaces."""
        found = parse_globals(self._text.decode("utf-8", "replace"))
        contents = [f"ROLE {name}" for name in found.roles] + [f"TABLESPACE {name}" for name in found.tablespaces]
        return DumpFacts(
            self._source, contents=tuple(contents), tools={"pg_dumpall": str(self._session.client.version)}
        )


class StagedRoles(Staged):
    """The statements that make the missing roles."""

    def __init__(self, session: Session, script: tuple[str, ...], missing: int, warnings: tuple[str, ...]) -> None:
        self._session = session
        self._script = script
        self._missing = missing
        self.counts: Mapping[str, int] = {}
        self.warnings = warnings

    def swap(self) -> Swapped:
        """Make them, all or none. Nothing that exists is changed, so nothing has to be kept."""
        if self._script:
            body = "".join(f"{statement};\n" for statement in self._script)
            self._session.execute(f"BEGIN;\n{body}COMMIT;")
        plural = "" if self._missing == 1 else "s"
        return Swapped(f"{self._missing} missing role{plural} made on {self._session.access.place}")

    def discard(self) -> None:
        """Nothing was staged anywhere."""


class GlobalsComponent(Component):
    """Roles and tablespaces as SQL. Password hashes are in it only when the service is `secret`.

    Args:
        service: the service's name.
        tools: the way to its server.
    """

    additive = True

    def __init__(self, service: str, tools: Tools) -> None:
        super().__init__(
            service, f"{service}.globals.sql", kind="postgres", format="sql", phase=Phase.DATABASE,
            secret=tools.settings.secret, smallest=len(END),
        )  # fmt: skip
        self._tools = tools

    @contextmanager
    def dump(self, run: Run) -> Iterator[Dump]:
        """Begin to dump them. Without password hashes any role may."""
        session = self._tools.to_dump(run)
        hashes = () if self._tools.settings.secret else ("--no-role-passwords",)
        command = session.access.command(
            session.client, "pg_dumpall", "--globals-only", "--no-password", *hashes,
            f"--database={session.access.database}",
        )  # fmt: skip
        source = _identity(session)
        with Process(session.access.target, command, run) as process:
            yield GlobalsDump(session, process, source)

    def verify(self, source: Source, run: Run) -> Verification:
        """Read it to its last line and take its statements apart."""
        found = _read(source)
        return Verification("daytwo", contents=tuple(f"ROLE {name}" for name in found.roles))

    def identity(self, run: Run) -> Identity:
        """Which server this is."""
        return _identity(self._tools.to_restore(run))

    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Find out which roles are missing."""
        session = self._tools.to_restore(run)
        found = _read(source)
        existing = _existing_roles(session)
        missing = [role for role in found.roles if role not in existing]
        warnings = [
            f"role {role} has no password: set one with \\password" for role in _without_password(found, missing)
        ]
        warnings += [
            f"the tablespace {name} is not made: its folder has to be there first" for name in found.tablespaces
        ]
        return StagedRoles(session, found.creating(existing), len(missing), tuple(warnings))


def _existing_roles(session: Session) -> frozenset[str]:
    rows = session.rows("select json_build_array(rolname) from pg_roles;", session.through)
    return frozenset(str(row[0]) for row in rows)


def _without_password(found: Globals, missing: list[str]) -> list[str]:
    logins = [one for one in found.statements if re.match(r"ALTER ROLE .* LOGIN", one) and " PASSWORD " not in one]
    names = [_plain(m["role"]) for one in logins if " NOLOGIN " not in one and (m := _ROLE.match(one))]
    return [name for name in names if name in missing]


def _identity(session: Session) -> Identity:
    server, access = session.server, session.access
    number = len(_existing_roles(session))
    return Identity(
        label=f"PostgreSQL {server.version}, roles of the server on {access.place}", id=server.system,
        version=str(server.version), holds=f"{number} roles",
    )  # fmt: skip


def _read(source: Source) -> Globals:
    text = b""
    for chunk in source.chunks():
        text += chunk
        if len(text) > LARGEST:
            break
    decoded = text.decode("utf-8", "replace")
    if len(text) > LARGEST or END not in decoded:
        raise IntegrityError(f"{source.record.name} is not a whole dump of pg_dumpall",
                             hint="Restore from another repository or snapshot")  # fmt: skip
    return parse_globals(decoded)
