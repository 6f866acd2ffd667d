"""All pages of the dashboard, in the order of the navigation."""

from daytwo.web.routing import Area
from daytwo.web.ui import (
    alerts,
    audit,
    backups,
    checks,
    exports,
    heartbeats,
    incidents,
    live,
    numbers,
    observed,
    oncall,
    overview,
    reports,
    restore,
    runs,
    settings,
)

PAGES: tuple[Area, ...] = tuple(
    one.area
    for one in (
        overview, alerts, incidents, oncall, checks, heartbeats, numbers, observed, reports, backups, restore, runs,
        exports, audit, settings, live,
    )
)  # fmt: skip
