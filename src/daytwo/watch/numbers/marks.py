"""How far each level goes, as the state has it."""

from daytwo.watch.numbers.levels import Marks
from daytwo.watch.numbers.sql import Sql, Table

_ROLLED = Table(
    "rolled",
    ("app", "environment", "level", "until", "since"),
    ("text", "text", "int", "bigint", "bigint"),
    3,
)


def load(sql: Sql, own: tuple[str, str]) -> Marks:
    """The marks of an app and environment."""
    found = sql.rows("select level, until, since from rolled where app = ? and environment = ?", own)
    return Marks({level: until for level, until, _ in found}, {level: since for level, _, since in found})


def save(sql: Sql, own: tuple[str, str], marks: Marks) -> None:
    """Write them down."""
    levels = sorted({*marks.until, *marks.since})
    sql.put(_ROLLED, [(*own, level, marks.rolled(level), marks.kept(level)) for level in levels])
