"""What a user may do in a database, and what it is not even shown for want of a right."""

# Names and values reach SQL through `text` only.
# ruff: noqa: S608

from contextlib import suppress

from daytwo.core.errors import DaytwoError
from daytwo.core.run import Run
from daytwo.services.mysql.client import Client, text

_ROUTINES = frozenset({"EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE", "SHOW_ROUTINE", "SHOW CREATE ROUTINE"})
"""With any of these on a database its routines are listed, whether or not they may be read."""
_MINE = ("GRANTEE = CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@',"
         " QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))")  # fmt: skip


def rights(client: Client, database: str, run: Run) -> frozenset[str]:
    """The names of the rights that the user has in a database, on all of it; those of roles are not looked into."""
    rows = client.query(
        f"SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE {_MINE}"
        " UNION SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES"
        f" WHERE {_MINE} AND {text(database)} LIKE TABLE_SCHEMA;",
        run,
    )
    return frozenset(row[0] for row in rows)


def has_role(client: Client, run: Run) -> bool:
    """Whether the user acts in a role, whose rights are not looked into."""
    try:
        return client.query("SELECT COALESCE(CURRENT_ROLE(), 'NONE');", run)[0][0] != "NONE"
    except DaytwoError:  # MySQL 5.7 knows no roles
        return False


def hidden(client: Client, database: str, run: Run) -> tuple[str, ...]:
    """What the user is not shown, as warnings with the remedy.

    A dump program lists triggers and routines first, and the server leaves out of such a list what the user has no
    right on: neither the dump nor a look at the database shows that anything is missing.
    """
    held = rights(client, database, run)
    triggers = "TRIGGER" in held
    routines = bool(held & _ROUTINES) or _sees_all_routines(client, run)
    if (triggers and routines) or has_role(client, run):
        return ()
    user = client.settings.user or "the user"
    found = []
    if not triggers:
        found.append(
            f"triggers may be missing, as {user} is shown none without the right: grant it TRIGGER on {database}"
        )
    if not routines:
        found.append(f"routines of others may be missing, as {user} is shown none without the right: grant it SELECT on"
                     " mysql.proc (MariaDB) or SHOW_ROUTINE (MySQL)")  # fmt: skip
    return tuple(found)


def _sees_all_routines(client: Client, run: Run) -> bool:
    """By the table they are in (MariaDB, MySQL 5.7), or by the right to read everything (MySQL 8)."""
    with suppress(DaytwoError):  # there is no such table, or it may not be read
        client.query("SELECT 1 FROM mysql.proc LIMIT 0;", run)
        return True
    everywhere = client.query(
        f"SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE {_MINE} AND PRIVILEGE_TYPE = 'SELECT'"
        " AND VERSION() NOT LIKE '%MariaDB%';",
        run,
    )
    return bool(everywhere)
