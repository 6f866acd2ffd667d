"""What the server says of itself and of a database. Each statement returns JSON arrays, see `Access.rows`."""

from dataclasses import dataclass

from daytwo.core.errors import CommandError
from daytwo.core.manifest import Identity
from daytwo.core.run import Run
from daytwo.core.units import Size
from daytwo.services.postgres.access import Access
from daytwo.services.postgres.clients import Client, Version
from daytwo.services.postgres.names import literal, qualified, quote, table_key

MAINTENANCE = ("postgres", "template1")
"""Databases to be connected to while another one is created, renamed or dropped."""

_SERVER = """select json_build_array(current_setting('server_version_num')::int, {system},
  rolsuper, rolcreatedb or rolsuper,
  case when pg_has_role(current_user, 'pg_read_all_settings', 'member') then current_setting('data_directory') end)
  from pg_roles where rolname = current_user"""
_SYSTEM = "(select system_identifier::text from pg_control_system())"

_USER_SCHEMA = "n.nspname <> 'information_schema' and n.nspname !~ '^pg_'"

# An extension fills its own tables, and what it puts there may change with its version.
_ORDINARY = f"""c.relkind = 'r' and c.relpersistence <> 't' and {_USER_SCHEMA} and not exists
  (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')"""

_HOLDS = f"""select json_build_array(pg_database_size(current_database()), (select count(*) from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and {_USER_SCHEMA}))"""  # noqa: S608

_DATABASE = """select json_build_array(pg_get_userbyid(d.datdba), pg_has_role(d.datdba, 'member'),
  (select spcname from pg_tablespace t where t.oid = d.dattablespace), pg_encoding_to_char(d.encoding),
  j->>'datcollate', j->>'datctype', j->>'datlocprovider', coalesce(j->>'datlocale', j->>'daticulocale'),
  j->>'daticurules') from pg_database d, to_jsonb(d) j where d.datname = {name}"""

# Lists whose elements are stored quoted already: GUC_LIST_QUOTE in the server's guc_tables.c, and the same in pg_dump.
_QUOTED_LISTS = (
    "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
    "temp_tablespaces", "unix_socket_directories",
)  # fmt: skip

_PROPERTIES = """
with d as (select * from pg_database where datname = {old}), s as (
  select r.setrole, split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value
  from d join pg_db_role_setting r on r.setdatabase = d.oid, unnest(r.setconfig) c)
select json_build_array(format('ALTER DATABASE %I CONNECTION LIMIT %s', {new}, datconnlimit)) from d
  where datconnlimit <> -1
union all select json_build_array(format('COMMENT ON DATABASE %I IS %L', {new}, shobj_description(oid, 'pg_database')))
  from d where shobj_description(oid, 'pg_database') is not null
union all select json_build_array(format('%s SET %I TO %s',
  case when setrole = 0 then format('ALTER DATABASE %I', {new})
       else format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), {new}) end,
  name, case when lower(name) in ({lists}) then value else quote_literal(value) end)) from s
union all select json_build_array(format('REVOKE ALL ON DATABASE %I FROM PUBLIC', {new})) from d
  where datacl is not null
union all select json_build_array(format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, {new},
  case when grantee = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(grantee)) end,
  case when is_grantable then ' WITH GRANT OPTION' else '' end))
  from d, aclexplode(d.datacl) a where a.grantee <> d.datdba
"""


@dataclass(frozen=True)
class Server:
    """A server as the service's role sees it.

    Args:
        version: its version.
        system: its system identifier, equal in its copies; empty where that may not be read.
        superuser: whether the role is one.
        creates: whether the role may create databases.
        data: its data directory, where that may be read.
    """

    version: Version
    system: str
    superuser: bool
    creates: bool
    data: str | None


@dataclass(frozen=True)
class Form:
    """What a database was created with; `clause` makes another one like it."""

    owner: str
    ours: bool
    tablespace: str
    encoding: str
    collate: str | None
    ctype: str | None
    provider: str | None
    locale: str | None
    rules: str | None

    def clause(self) -> str:
        """The `WITH` clause of `CREATE DATABASE`."""
        parts = ["TEMPLATE template0", f"ENCODING {literal(self.encoding)}"]
        parts += [f"LC_COLLATE {literal(self.collate)}"] if self.collate else []
        parts += [f"LC_CTYPE {literal(self.ctype)}"] if self.ctype else []
        if self.provider == "i":
            parts += ["LOCALE_PROVIDER icu", f"ICU_LOCALE {literal(self.locale or 'und')}"]
            parts += [f"ICU_RULES {literal(self.rules)}"] if self.rules else []
        elif self.provider == "b":
            parts += ["LOCALE_PROVIDER builtin", f"BUILTIN_LOCALE {literal(self.locale or 'C')}"]
        parts += [f"OWNER {quote(self.owner)}"]
        # The usual one goes without saying, and only a superuser may name it.
        parts += [f"TABLESPACE {quote(self.tablespace)}"] if self.tablespace != "pg_default" else []
        return "WITH " + " ".join(parts)


@dataclass(frozen=True)
class Table:
    """An ordinary table with rows of its own (a partition is one, a partitioned table is not)."""

    oid: int
    schema: str
    name: str

    @property
    def key(self) -> str:
        """Its key among a manifest's counts."""
        return table_key(self.schema, self.name)

    @property
    def sql(self) -> str:
        """Its name in SQL."""
        return qualified(self.schema, self.name)


def read_server(access: Access, client: Client, run: Run, database: str) -> Server:
    """Ask a server what it is, through one of its databases."""
    try:
        [row] = access.rows(client, _SERVER.format(system=_SYSTEM), run, database=database)
    except CommandError as error:  # a hosted service may keep the identifier to itself
        if "pg_control_system" not in error.what:
            raise
        [row] = access.rows(client, _SERVER.format(system="''"), run, database=database)
    number, system, superuser, creates, data = row
    assert isinstance(number, int)
    return Server(Version(number), str(system), bool(superuser), bool(creates), str(data) if data else None)


def read_holds(access: Access, client: Client, run: Run) -> str:
    """What the service's database holds, in words."""
    [[size, tables]] = access.rows(client, _HOLDS, run)
    assert isinstance(size, int) and isinstance(tables, int)
    plural = "" if tables == 1 else "s"
    return f"{tables} table{plural}, {Size(size).human}" if tables else "nothing"


def identify(access: Access, server: Server, holds: str) -> Identity:
    """Which database this is.

    Args:
        access: how it is reached.
        server: the server it is on.
        holds: what it holds, in words; one that does not exist holds nothing.
    """
    return Identity(
        label=f"PostgreSQL {server.version}, database {access.database} on {access.place}",
        id=f"{server.system}:{access.database}" if server.system else "",
        version=str(server.version), holds=holds,
    )  # fmt: skip


def read_form(access: Access, client: Client, run: Run, name: str, through: str) -> Form | None:
    """What a database was created with, or None when there is no such database."""
    rows = access.rows(client, _DATABASE.format(name=literal(name)), run, database=through)
    if not rows:
        return None
    owner, ours, tablespace, encoding, *texts = rows[0]
    collate, ctype, provider, locale, rules = (None if text is None else str(text) for text in texts)
    return Form(str(owner), bool(ours), str(tablespace), str(encoding), collate, ctype, provider, locale, rules)


def read_properties(access: Access, client: Client, run: Run, *, old: str, new: str, through: str) -> tuple[str, ...]:
    """The statements that give the database `new` the settings, grants and comment of the database `old`."""
    lists = ", ".join(literal(name) for name in _QUOTED_LISTS)
    sql = _PROPERTIES.format(old=literal(old), new=literal(new), lists=lists)
    return tuple(str(row[0]) for row in access.rows(client, sql, run, database=through))


def tables_query(oids: tuple[int, ...] | None = None) -> str:
    """Ask for the tables whose rows are counted: all, or those among these object ids."""
    among = "" if oids is None else f" and c.oid = any('{{{','.join(map(str, oids))}}}'::oid[])"
    return (
        "select json_build_array(c.oid::bigint, n.nspname, c.relname) from pg_class c join pg_namespace n "  # noqa: S608
        f"on n.oid = c.relnamespace where {_ORDINARY}{among} order by n.nspname, c.relname;"
    )


def as_tables(rows: list[list[object]]) -> tuple[Table, ...]:
    """The answer to `tables_query`."""
    return tuple(Table(int(str(oid)), str(schema), str(name)) for oid, schema, name in rows)


def count_query(tables: tuple[Table, ...]) -> str:
    """Ask for the number of rows of each table; `ONLY` because an inheriting table is counted itself."""
    return "\n".join(f"select json_build_array({t.oid}, count(*)) from only {t.sql};" for t in tables)  # noqa: S608


def as_counts(tables: tuple[Table, ...], rows: list[list[object]]) -> dict[str, int]:
    """The answer to `count_query`."""
    keys = {table.oid: table.key for table in tables}
    return {keys[int(str(oid))]: int(str(count)) for oid, count in rows}
