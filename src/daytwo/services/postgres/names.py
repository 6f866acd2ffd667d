"""Names and texts in SQL: quoting, splitting, and the names that a restore makes."""

import re

LONGEST = 63
"""Bytes of the longest identifier that PostgreSQL keeps (NAMEDATALEN - 1)."""

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|;|[^'"\-;]+|.""", re.DOTALL)
_PART = re.compile(r'"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^."]+)')


def quote(name: str) -> str:
    """An identifier, always in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant that means the same whatever `standard_conforming_strings` says."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in doubled else f"'{doubled}'"


def qualified(schema: str, table: str) -> str:
    """A table as SQL."""
    return f"{quote(schema)}.{quote(table)}"


def table_key(schema: str, table: str) -> str:
    """A table as a key of the manifest's counts: `public.users`; a part with a dot or a quote in it is quoted."""
    return ".".join(quote(part) if "." in part or '"' in part else part for part in (schema, table))


def split_key(key: str) -> tuple[str, str]:
    """Schema and table of a key; a key of one part is a table of the schema `public`."""
    parts = [m["plain"] if m["plain"] is not None else m["quoted"].replace('""', '"') for m in _PART.finditer(key)]
    return (parts[0], parts[1]) if len(parts) == 2 else ("public", parts[0] if parts else key)


def derived(name: str, infix: str, run_id: str) -> str:
    """A name beside `name` that says which run made it, cut to what PostgreSQL keeps: `shop_before_0123abcd`."""
    tail = f"_{infix}_{run_id[:8]}"
    return cut(name, LONGEST - len(tail.encode())) + tail


def cut(name: str, size: int) -> str:
    """The name's first `size` bytes, never half a character."""
    return name.encode()[:size].decode(errors="ignore")


def statements(script: str) -> list[str]:
    """Split the SQL of `pg_dumpall` or `pg_restore` into statements, without comments and `psql` commands.

    Both programs double quotes and escape backslashes in strings, and write no dollar quotes outside functions.
    """
    found, current = [], ""
    for word in _TOKEN.findall(_without_psql_commands(script)):
        if word == ";":
            found.append(current.strip())
            current = ""
        elif not word.startswith("--"):
            current += word
    return [statement for statement in found if statement]


def _without_psql_commands(script: str) -> str:
    return "\n".join(
        line for line in script.split("\n") if not line.startswith(("\\restrict ", "\\unrestrict ", "\\connect "))
    )
