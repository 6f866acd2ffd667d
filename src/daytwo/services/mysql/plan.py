"""How a staged database takes the place of the live one, as scripts: the way there, and the way back.

Neither MariaDB nor MySQL can rename a database. What they can do is rename any number of tables, in and out, in one
statement that takes effect as a whole; so that is the moment at which the data changes. Triggers cannot move from
database to database and views, routines and events cannot be renamed, so those are dropped just before it and made
anew just after it, all in one script of one session. They are written by the server's own dump program, so that
character sets, SQL modes, time zones and definers stay as they are.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from daytwo.services.mysql.client import quoted, text
from daytwo.services.mysql.keys import ForeignKey
from daytwo.services.mysql.reader import Charset
from daytwo.services.mysql.server import Inventory

LOCK_SECONDS = 60
"""How long a swap waits for sessions that hold the tables, before it gives up and undoes what it did."""
_CHECKED = "SET SESSION foreign_key_checks = 1;\n"
_UNCHECKED = "SET SESSION foreign_key_checks = 0;\n"
_SESSION = f"SET SESSION lock_wait_timeout = {LOCK_SECONDS};\n{_CHECKED}"


@dataclass(frozen=True)
class Names:
    """The databases of a swap: in use, restored, and the new one for what is in use now."""

    live: str
    staged: str
    before: str


@dataclass(frozen=True)
class Plan:
    """A swap, decided before anything is touched.

    Args:
        names: the three databases.
        charset: for the live database where it has to be made.
        now, new: what the live and the staged database hold.
        moving_in, moving_out: tables.
        code_now, code_new: statements that make what is no table: triggers, views, routines, events.
        repoint: foreign keys that must be made anew, because either their table or the one they point to stays.
        loosen: foreign keys of tables that move out, which would go on guarding live tables that stay.
        whole: whether the whole database is restored, not some of its tables.
        staying: tables that are excluded; views that are kept may be made of them, so empty ones are put there.
    """

    names: Names
    charset: Charset
    now: Inventory
    new: Inventory
    moving_in: tuple[str, ...]
    moving_out: tuple[str, ...]
    code_now: bytes
    code_new: bytes
    repoint: tuple[ForeignKey, ...]
    loosen: tuple[ForeignKey, ...]
    whole: bool
    staying: tuple[str, ...] = ()

    @property
    def keeps(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self.moving_out) or (self.whole and not self.now.empty)

    def there(self) -> bytes:
        """The script that puts the staged data in use."""
        names, sql = self.names, [_SESSION, f"DO GET_LOCK({text(self.lock)}, 0);\n"]
        if not self.now.exists:
            sql.append(_create(names.live, self.charset))
        if self.keeps:
            sql.append(_create(names.before, self.now.charset or self.charset))
            sql += [alike(names.before, names.live, table) for table in self.staying]
        sql.append(_drop_triggers(names.staged, self.new, self.moving_in))
        sql.append(_drop_triggers(names.live, self.now, self.moving_out))
        sql.append(_drop_code(names.live, self.now) if self.whole else "")
        sql.append(_rename((names.live, self.moving_out, names.before), (names.staged, self.moving_in, names.live)))
        sql.append(_UNCHECKED)
        sql += [key.drop(self.home(key)) + key.add(self.home(key), names.live) for key in self.repoint]
        sql += [key.drop(names.before) for key in self.loosen]
        script = "".join([*sql, _CHECKED]).encode() + _use(names.live) + self.code_new
        if self.keeps:
            script += _use(names.before) + self.code_now
            events = self.now.events if self.whole else ()
            asleep = (f"ALTER EVENT {quoted(names.before)}.{quoted(name)} DISABLE;\n" for name in events)
            script += ("\n" + "".join(asleep)).encode()
        return script

    def back(self, renamed: bool, half: Inventory, kept: Inventory, keys: Iterable[ForeignKey]) -> bytes:
        """The script that undoes `there` after it stopped half-way.

        Args:
            renamed: whether the tables had moved.
            half: what the live database holds at that point.
            kept: what the new database for the live data holds at that point.
            keys: the foreign keys there are at that point.
        """
        names, sql = self.names, [_SESSION]
        if not renamed and half.code == self.now.code:  # it stopped before it changed anything
            return "".join(sql).encode() + self._back_names()
        sql.append(_drop_triggers(names.live, half, self.moving_in if renamed else self.moving_out))
        sql.append(_drop_triggers(names.before, kept, self.moving_out))  # with them a table cannot change databases
        sql.append(_drop_code(names.live, half) if self.whole else "")
        if renamed:
            there = {(key.schema, key.table, key.name) for key in keys}
            moved = [key for key in self.repoint if (self.home(key), key.table, key.name) in there]
            gone = [key for key in self.loosen if (names.before, key.table, key.name) not in there]
            sql.append(_UNCHECKED + "".join(key.drop(self.home(key)) for key in moved) + _CHECKED)
            sql.append(_rename((names.live, self.moving_in, names.staged), (names.before, self.moving_out, names.live)))
            again = [key for key in self.repoint if key.schema != names.staged] + gone
            sql.append(_UNCHECKED + "".join(key.add(key.schema, key.parent_schema) for key in again) + _CHECKED)
        script = "".join(sql).encode() + (_use(names.live) + self.code_now if half.exists else b"")
        return script + self._back_names()

    def _back_names(self) -> bytes:
        made = [self.names.before] if self.keeps else []
        made += [] if self.now.exists else [self.names.live]
        return ("\n" + "".join(f"DROP DATABASE IF EXISTS {quoted(name)};\n" for name in made)).encode()

    @property
    def lock(self) -> str:
        """A lock that the session of the swap holds to its end, so that one can wait for that end."""
        return self.names.before

    def home(self, key: ForeignKey) -> str:
        """The database that a foreign key's table is in after the swap."""
        return self.names.live if key.schema == self.names.staged else key.schema


def strays(
    keys: Iterable[ForeignKey], names: Names, moving_in: Iterable[str], moving_out: Iterable[str]
) -> tuple[tuple[ForeignKey, ...], tuple[ForeignKey, ...]]:
    """Which foreign keys a move leaves wrong: those to repoint, and those to loosen."""
    into, out = set(moving_in), set(moving_out)
    repoint, loosen = [], []
    for key in keys:
        leaves = key.schema == names.live and key.table in out
        parent_leaves = key.parent_schema == names.live and key.parent in out
        if leaves and not parent_leaves:
            loosen.append(key)
            continue
        left_behind = parent_leaves and not leaves and key.parent in into
        alone = key.schema == key.parent_schema == names.staged and key.parent not in into
        if left_behind or alone:
            repoint.append(key)
    return tuple(repoint), tuple(loosen)


def _rename(*moves: tuple[str, Iterable[str], str]) -> str:
    clauses = [f"{quoted(start)}.{quoted(table)} TO {quoted(end)}.{quoted(table)}"
               for start, tables, end in moves for table in tables]  # fmt: skip
    return f"RENAME TABLE {', '.join(clauses)};\n" if clauses else ""


def _drop_triggers(database: str, found: Inventory, tables: Iterable[str]) -> str:
    moving = set(tables)
    return "".join(f"DROP TRIGGER {quoted(database)}.{quoted(name)};\n"
                   for name, table in found.triggers if table in moving)  # fmt: skip


def _drop_code(database: str, found: Inventory) -> str:
    inside = quoted(database)
    dropped = [("EVENT", name) for name in found.events] + [("VIEW", name) for name in found.views]
    dropped += [
        (kind, name) for kind, name in found.routines if kind != "PACKAGE BODY"
    ]  # a package takes its body along
    return "".join(f"DROP {kind} {inside}.{quoted(name)};\n" for kind, name in dropped)


def alike(database: str, live: str, table: str) -> str:
    """The statement that makes an empty table like one of the live database."""
    return f"CREATE TABLE {quoted(database)}.{quoted(table)} LIKE {quoted(live)}.{quoted(table)};\n"


def _create(database: str, charset: Charset) -> str:
    return f"CREATE DATABASE {quoted(database)} CHARACTER SET {charset.name} COLLATE {charset.collation};\n"


def _use(database: str) -> bytes:
    return f"\nUSE {quoted(database)};\n".encode()
