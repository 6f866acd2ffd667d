"""The routes, one file a noun."""

from daytwo.web.routes import (
    audit,
    config,
    entrance,
    exports,
    health,
    heartbeats,
    runs,
    schedules,
    session,
    snapshots,
    tokens,
    users,
    watch,
)
from daytwo.web.routing import Area

AREAS: tuple[Area, ...] = (
    health.area,
    runs.area,
    schedules.area,
    snapshots.area,
    exports.area,
    audit.area,
    config.area,
    session.area,
    users.area,
    users.invitations,
    tokens.area,
    watch.area,
    heartbeats.area,
    heartbeats.pings,
    entrance.area,
)
"""All of them, in the order of the documentation."""
