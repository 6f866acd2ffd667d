"""The way from an action to an incident."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.access.roles import SYSTEM
from daytwo.respond.incidents.desk import Beginning, IncidentDesk
from daytwo.respond.incidents.opening import Opener
from daytwo.store.tables import alerts, incident_findings


class Investigator:
    """Opens incidents of findings and alerts that belong to none.

    Args:
        desk: the incidents.
        opener: opens those of findings.
    """

    def __init__(self, desk: IncidentDesk, opener: Opener) -> None:
        self._desk = desk
        self._opener = opener

    def __call__(self, connection: sa.Connection, row: sa.Row[Any], kind: str, severity: str, now: datetime) -> str:
        """Open one, or say which there is; see `acting.Investigate`."""
        if kind == "finding":
            query = sa.select(incident_findings.c.incident).where(incident_findings.c.finding == row.id)
            number = connection.execute(query).scalar()
            if number is None:
                number = self._opener.finding(connection, row, severity, now).number
        elif (number := row.incident) is None:
            services = (row.service,) if row.service else ()
            group = f"service {row.service}" if row.service else f"rule {row.rule}"
            begun = Beginning(f"{row.subject}: {row.why or row.rule}", severity, (group,), services, row.begin)
            number = self._desk.begin(connection, begun, SYSTEM, now).number
            connection.execute(alerts.update().where(alerts.c.id == row.id).values(incident=number))
        return f"incident {number}"
