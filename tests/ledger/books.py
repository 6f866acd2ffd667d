"""An audit trail and a register of exports on a new state, with a clock that a test can set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.core.records import DataClass, Head
from daytwo.ledger.audit import Audit, Finding, Verdict
from daytwo.ledger.exports import ExportRecord, Exports, Submission
from daytwo.store.database import Database, open_database
from daytwo.store.tables import audit_events
from daytwo.store.url import StateUrl

PLACE = ("shop", "production")
BEGIN = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


@dataclass
class Books:
    """What a test works with."""

    database: Database
    now: datetime = BEGIN
    audit: Audit = field(init=False)
    exports: Exports = field(init=False)

    def __post_init__(self) -> None:
        self.audit = Audit(self.database, *PLACE, self.clock)
        self.exports = Exports(self.database, self.audit, *PLACE, self.clock)

    def clock(self) -> datetime:
        return self.now

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def act(self, count: int = 1, data_class: DataClass = DataClass.INTERNAL, actor: str = "anna") -> list[Head]:
        """Some events, each in a transaction of its own, a minute apart."""
        heads = []
        for _ in range(count):
            with self.database.begin() as connection:
                heads.append(
                    self.audit.append(
                        connection, "token.create", f"token of {actor}", actor=actor, via="cli", detail={"n": 1},
                        data_class=data_class,
                    )
                )  # fmt: skip
            self.later(minutes=1)
        return heads

    def export(self, **values: Any) -> ExportRecord:
        """An export, recorded."""
        with self.database.begin() as connection:
            return self.exports.add(connection, submission(**values), actor="anna", via="cli").record

    def sql(self, statement: str, **values: object) -> None:
        """What somebody does to the tables behind daytwo's back."""
        with self.database.begin() as connection:
            connection.execute(sa.text(statement), values)

    def event(self, seq: int) -> dict[str, Any]:
        """An event's columns, as stored."""
        with self.database.read() as connection:
            row = connection.execute(
                sa.text("SELECT * FROM audit_events WHERE chain = 'internal' AND seq = :seq"), {"seq": seq}
            )
            return dict(row.mappings().one())

    def put(self, values: dict[str, Any]) -> None:
        """Write an event's row as it is given."""
        names = [column.name for column in audit_events.c]
        self.sql(
            f"INSERT INTO audit_events ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})",
            **{name: values[name] for name in names},
        )

    def verdict(self, anchors: Sequence[Head] = ()) -> Verdict:
        return self.audit.verify(anchors)

    def found(self, anchors: Sequence[Head] = ()) -> Finding:
        """The only thing that is wrong."""
        verdict = self.verdict(anchors)
        assert len(verdict.findings) == 1, verdict
        return verdict.findings[0]


def submission(**values: Any) -> Submission:
    """What is handed in, unless told otherwise."""
    given: dict[str, Any] = {"who": "anna", "what": "orders", "rows": 12, "destination": "acme"}
    return Submission.model_validate(given | values)


def opened(url: StateUrl) -> Books:
    """Open, or make, a state."""
    return Books(open_database(url))
