"""The pure parts of the kind `postgres`: names, addresses, versions, complaints, listings."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daytwo.core.errors import MissingToolError, UsageError
from daytwo.core.registry import service_class
from daytwo.core.secrets import Secret, redact
from daytwo.core.service import Place
from daytwo.core.target import LOCAL, Container
from daytwo.services.postgres import PostgresService
from daytwo.services.postgres.access import Access
from daytwo.services.postgres.archive import parse_listing, table_oids
from daytwo.services.postgres.catalog import Form
from daytwo.services.postgres.clients import Client, Version, dumping, restoring
from daytwo.services.postgres.complaints import Complaint, ComplaintReader
from daytwo.services.postgres.names import derived, literal, quote, split_key, statements, table_key
from daytwo.services.postgres.obstacles import Space, parse_df
from daytwo.services.postgres.reading import find_table
from daytwo.services.postgres.roles import parse_globals
from daytwo.services.postgres.settings import PostgresSettings, parse_url
from daytwo.services.postgres.staging import renamed

PLACE = Place(Path("/app"), "app", "test")


def service(**settings: object) -> PostgresService:
    return PostgresService("db", PostgresSettings.model_validate({"kind": "postgres"} | settings), PLACE)


def test_the_registry_finds_it() -> None:
    assert service_class("postgres") is PostgresService


@pytest.mark.parametrize(
    ("settings", "host", "user", "database"),
    [
        ({}, "localhost", "postgres", "postgres"),
        ({"user": "shop"}, "localhost", "shop", "shop"),
        ({"container": "shop-db", "database": "shop"}, None, "postgres", "shop"),
        ({"container": "shop-db", "host": "db"}, "db", "postgres", "postgres"),
        ({"ssh": "web1"}, "localhost", "postgres", "postgres"),
        ({"url": "postgresql://shop@db.example:6432/shop_live"}, "db.example", "shop", "shop_live"),
        ({"url": "postgres:///shop?host=/run/pg&user=me"}, "/run/pg", "me", "shop"),
    ],
)
def test_defaults_of_the_connection(settings: dict[str, str], host: str | None, user: str, database: str) -> None:
    access = service(**settings).access()
    assert (access.host, access.user, access.database) == (host, user, database)


def test_a_url_with_a_password_is_refused_and_the_password_not_shown() -> None:
    for url in ("postgresql://shop:tr0ub4dor@db/shop", "postgresql://shop@db/shop?password=tr0ub4dor"):
        with pytest.raises(ValidationError, match=r"write \{env: DATABASE_URL\}") as caught:
            PostgresSettings.model_validate({"kind": "postgres", "url": url})
        assert "tr0ub4dor" not in str(caught.value)
        assert "tr0ub4dor" not in redact(url)


def test_a_secret_url_gives_its_password_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://shop:p%40ss%2Fword@db:5433/shop?sslmode=require")
    access = service(url={"env": "DATABASE_URL"}).access()
    command = access.command(Client("/bin", Version(160000)), "pg_dump", "--format=custom")
    assert command.secrets == {"PGPASSWORD": Secret("p@ss/word")}
    assert command.env.items() >= {"PGHOST": "db", "PGPORT": "5433", "PGUSER": "shop", "PGSSLMODE": "require"}.items()
    assert "p@ss/word" not in repr(command) and "p@ss/word" not in repr(access)


@pytest.mark.parametrize(
    "url", ["mysql://a@b/c", "shop", "postgresql://a,b/c:x", "postgresql://a:1,b:2/c", "postgresql://a/b?nonsense=1"]
)
def test_a_url_that_is_not_understood_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"write it like|one host only|is not known"):
        parse_url(url)


def test_url_and_parts_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="give either url or host, not both"):
        PostgresSettings.model_validate({"kind": "postgres", "url": "postgresql://a/b", "host": "c"})


@pytest.mark.parametrize(
    ("text", "number", "shown", "major"),
    [
        ("pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", 150014, "15.14", "15"),
        ("pg_dump (PostgreSQL) 9.6.24", 90624, "9.6.24", "9.6"),
        ("pg_dump (PostgreSQL) 18beta1", 180000, "18.0", "18"),
        ("16.2", 160002, "16.2", "16"),
    ],
)
def test_versions(text: str, number: int, shown: str, major: str) -> None:
    version = Version.parse(text)
    assert (version.number, version.major) == (number, major)
    assert str(version) == shown or number == 90624


CLIENTS = tuple(Client(f"/usr/lib/postgresql/{n // 10000}/bin", Version(n)) for n in (130001, 150014, 160002, 180001))


def test_f04_the_closest_client_that_is_not_older_dumps() -> None:
    assert dumping(CLIENTS, Version(150009), "db").version == Version(150014)
    assert dumping(CLIENTS, Version(140000), "db").version == Version(150014)
    with pytest.raises(MissingToolError, match=r"pg_dump 18\.1 is older than the server, PostgreSQL 19\.3.*client-19"):
        dumping(CLIENTS, Version(190003), "db")


def test_f04_a_client_restores_that_reads_the_dump_and_knows_the_server() -> None:
    assert restoring(CLIENTS, Version(150001), Version(130000), "db").version == Version(150014)
    assert restoring(CLIENTS, Version(150001), Version(160000), "db").version == Version(160002)
    assert restoring(CLIENTS, Version(180000), Version(190000), "db").version == Version(180001), "the dump comes first"
    with pytest.raises(MissingToolError, match=r"cannot read a dump of pg_dump 19"):
        restoring(CLIENTS, Version(190000), None, "db")


NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=80)


@given(NAMES, NAMES)
def test_a_tables_key_can_be_taken_apart_again(schema: str, table: str) -> None:
    assert split_key(table_key(schema, table)) == (schema, table)


@given(NAMES)
def test_a_derived_name_is_kept_whole_by_the_server(name: str) -> None:
    made = derived(name, "before", "0123456789abcdef")
    assert made.endswith("_before_01234567") and len(made.encode()) <= 63


@given(st.lists(st.tuples(NAMES, NAMES), max_size=5))
def test_statements_are_split_only_where_they_end(pairs: list[tuple[str, str]]) -> None:
    made = [f"COMMENT ON ROLE {quote(name)} IS {literal(text)}" for name, text in pairs if "\n\\" not in name + text]
    script = "".join(f"-- about; it's\n\n{one};\n" for one in made)
    assert statements(script) == made


def test_psql_commands_are_no_statements() -> None:
    assert statements("\\restrict abc\nSET a = 1;\n\\connect x\n\nGRANT a TO b;\n\\unrestrict abc\n") == [
        "SET a = 1", "GRANT a TO b",
    ]  # fmt: skip


def said(text: str, *, size: int = 7) -> tuple[list[Complaint], ComplaintReader]:
    """Feed output in pieces."""
    reader, data = ComplaintReader(), text.encode()
    found = [one for at in range(0, len(data), size) for one in reader.feed(data[at : at + size])]
    return found + list(reader.finish()), reader


@pytest.mark.parametrize(
    ("text", "last"),
    [
        # What the handler of SIGTERM writes (pg_dump/parallel.c); it ends with code 1.
        ("pg_restore: terminated by user\n", "terminated by user"),
        ("pg_restore: warning: invalid creation date in header\npg_restore: while PROCESSING TOC:\n",
         "invalid creation date in header"),
        ("pg_restore: while PROCESSING TOC:\npg_restore: from TOC entry 3; 1 2 SCHEMA a b\n", ""),
        ("Killed\n", "Killed"),
    ],
)  # fmt: skip
def test_what_is_no_complaint_is_kept_to_explain_an_end(text: str, last: str) -> None:
    found, reader = said(text)
    assert (found, reader.last) == ([], last)


HARMLESS = """pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"
Command was: SET transaction_timeout = 0;
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3; 2615 2200 SCHEMA public postgres
pg_restore: error: could not execute query: ERROR:  schema "public" already exists
Command was: CREATE SCHEMA public;


pg_restore: error: could not execute query: ERROR:  role "grp" does not exist
Command was: ALTER FUNCTION public.f(a integer,
 b integer) OWNER TO grp;
pg_restore: error: could not execute query: ERROR:  role "grp" does not exist
Command was: GRANT SELECT ON TABLE public.small TO grp;
pg_restore: error: could not execute query: ERROR:  must be able to SET ROLE "boss"
Command was: ALTER TABLE public.g OWNER TO boss;
pg_restore: error: could not execute query: ERROR:  must be owner of extension pg_trgm
Command was: COMMENT ON EXTENSION pg_trgm IS 'text similarity';
pg_restore: warning: errors ignored on restore: 6
"""


@pytest.mark.parametrize("size", [1, 7, 100000])
def test_f03_harmless_complaints(size: int) -> None:
    found, reader = said(HARMLESS, size=size)
    assert len(found) == 6 and all(complaint.harmless for complaint in found)
    assert reader.ignored == 6
    assert str(found[0]) == 'unrecognized configuration parameter "transaction_timeout" (SET transaction_timeout = 0;)'


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('COPY failed for table "t": ERROR:  could not extend file', ""),
        ("could not read from input file: end of file", ""),
        ('could not execute query: ERROR:  relation "a" already exists', "CREATE TABLE public.a (x int);"),
        ('could not execute query: ERROR:  role "grp" does not exist', "CREATE POLICY p ON t TO grp;"),
        ('could not execute query: ERROR:  unrecognized configuration parameter "x"', "CREATE TABLE a (x int);"),
        ('could not execute query: ERROR:  schema "shop" already exists', "CREATE SCHEMA shop;"),
        ('could not execute query: ERROR:  permission denied to create extension "x"', "CREATE EXTENSION x;"),
        ("could not execute query: server closed the connection unexpectedly", "SET transaction_timeout = 0;"),
    ],
)
def test_f02_any_other_complaint_is_real(text: str, command: str) -> None:
    [complaint], _ = said(f"pg_restore: error: {text}\n" + (f"Command was: {command}\n" if command else ""))
    assert complaint.text == text and not complaint.harmless


def test_complaints_of_two_workers_that_ran_into_each_other_are_told_apart() -> None:
    query = 'could not execute query: ERROR:  unrecognized configuration parameter "x"\nCommand was: SET x = 0;\n'
    found, _ = said(
        f"pg_restore: pg_restore: error: error: {query}{query}pg_restore: warning: errors ignored on restore: 2\n"
    )
    assert len(found) == 2 and all(complaint.harmless for complaint in found)
    [hidden], _ = said(f'pg_restore: error: {query}COPY failed for table "t": ERROR:  disk full\n')
    assert not hidden.harmless


def test_a_long_complaint_is_kept_short() -> None:
    [complaint], _ = said(
        "pg_restore: error: could not execute query: ERROR:  " + "x" * 10**6 + "\nCommand was: " + "y\n" * 10**5,
        size=65536,
    )
    assert len(complaint.text) + len(complaint.command) < 5000


LISTING = """;
; Archive created at 2026-01-01 00:00:00 UTC
;     dbname: a
;
216; 1259 16394 TABLE public users postgres
3354; 0 16386 TABLE DATA public users postgres
3355; 0 16400 TABLE DATA public users old postgres
3364; 0 0 SEQUENCE SET public users_id_seq postgres
3356; 0 16399 MATERIALIZED VIEW DATA public mv postgres
"""


def test_the_listing() -> None:
    entries = parse_listing(LISTING)
    assert [entry.line for entry in entries] == LISTING.splitlines()[4:]
    assert table_oids(entries) == (16386, 16400)
    assert [e.oid for e in entries if e.names("TABLE DATA", "public", "users old")] == [16400]


def test_a_table_is_found_by_what_people_write() -> None:
    keys = ("public.users", "shop.users", "shop.orders", 'public."a.b"')
    assert find_table("users", keys, "db.dump") == "public.users"
    assert find_table("orders", keys, "db.dump") == "shop.orders"
    assert find_table("a.b", keys, "db.dump") == 'public."a.b"'
    with pytest.raises(UsageError, match=r"there are several tables users: shop\.users, old\.users"):
        find_table("users", ("shop.users", "old.users"), "db.dump")
    with pytest.raises(UsageError, match=r"Did you mean shop\.orders"):
        find_table("order", keys, "db.dump")


GLOBALS = """\\restrict 2iYk
SET default_transaction_read_only = off;
CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS;
CREATE ROLE "Odd; one";
ALTER ROLE "Odd; one" WITH SUPERUSER;
CREATE ROLE readers;
ALTER ROLE app SET search_path TO '"$user"', 'x';
CREATE TABLESPACE fast OWNER postgres LOCATION '/fast';
GRANT readers TO app WITH INHERIT TRUE GRANTED BY postgres;
GRANT readers TO "Odd; one";
GRANT SET ON PARAMETER log_statement TO "Odd; one";
GRANT ALL ON PARAMETER work_mem TO app;
-- PostgreSQL database cluster dump complete
"""


def test_only_missing_roles_are_made() -> None:
    found = parse_globals(GLOBALS)
    assert found.roles == ("app", "Odd; one", "readers") and found.tablespaces == ("fast",)
    assert found.creating(frozenset(found.roles)) == ()
    made = found.creating(frozenset({"app", "readers"}))
    assert made == (
        'CREATE ROLE "Odd; one"', 'ALTER ROLE "Odd; one" WITH SUPERUSER', 'GRANT readers TO "Odd; one"',
        'GRANT SET ON PARAMETER log_statement TO "Odd; one"',
    )  # fmt: skip
    assert not any("TABLESPACE" in one or one.startswith("SET") for one in found.creating(frozenset()))


def test_the_clause_of_a_database_with_icu() -> None:
    form = Form("o'wner", True, "fast", "UTF8", "C", "C", "i", "de-DE", None)
    assert form.clause() == (
        "WITH TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' "
        'OWNER "o\'wner" TABLESPACE "fast"'
    )
    usual = replace(form, tablespace="pg_default").clause()
    assert usual == form.clause().removesuffix(' TABLESPACE "fast"'), "only a superuser may name that one"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("ALTER DATABASE shop SET a TO 'DATABASE x'", "ALTER DATABASE \"n\" SET a TO 'DATABASE x'"),
        ('GRANT CONNECT ON DATABASE "a ""b" TO x', 'GRANT CONNECT ON DATABASE "n" TO x'),
        ("ALTER ROLE r IN DATABASE shop SET a TO b", 'ALTER ROLE r IN DATABASE "n" SET a TO b'),
    ],
)
def test_a_statement_about_a_database_is_turned_to_another(statement: str, expected: str) -> None:
    assert renamed(statement, "n") == expected


def test_free_space_is_read_from_df() -> None:
    text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 100 40 60 40% /var/my data\n"
    assert parse_df(text) == Space("/var/my data", 60 * 1024)
    assert parse_df("") is None


def test_the_command_for_people_has_the_target_and_no_password() -> None:
    access = Access("db", Container("shop-db"), None, None, "postgres", "shop", Secret("hunter2"))
    assert access.by_hand(Client("/usr/bin", Version(160000)), 'DROP DATABASE "x"', "postgres") == (
        "docker exec -i shop-db /usr/bin/psql --username postgres --dbname postgres --command 'DROP DATABASE \"x\"'"
    )
    assert access.place == "container shop-db" and Access("db", LOCAL, "h", 1, "u", "d").place == "h:1"
