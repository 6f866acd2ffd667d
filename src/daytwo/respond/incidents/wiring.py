"""Puts the desk of incidents together: what the daemon, the routes and the commands share."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.ledger.audit import Audit
from daytwo.respond.alerts import AlertBook
from daytwo.respond.incidents.desk import IncidentDesk
from daytwo.respond.outbox import Outbox


def desk_of(config: Callable[[], Config], audit: Audit) -> IncidentDesk:
    """The incidents of the app of a configuration.

    Args:
        config: gives the configuration as it is now.
        audit: the record of who did what.
    """
    own = (config().app, config().environment)
    alerts = AlertBook(*own)

    def acknowledge(connection: sa.Connection, number: int, by: str, now: datetime) -> None:
        alerts.change(connection, number, acknowledged=now, acknowledged_by=by)

    return IncidentDesk(config, audit, Outbox(*own), acknowledge)
