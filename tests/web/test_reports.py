"""Uptime, objectives and reports over the API."""

from datetime import timedelta

from pydantic import TypeAdapter

from daytwo.access.roles import Role
from daytwo.watch.reports import ReportData
from tests.watch.reports.conftest import Shop
from tests.web.conftest import CONFIG, Build

PROMISES = """
objectives: {uptime: 99.9%, by: {data: {uptime: 90%}}}
maintenance: {tonight: {from: 2020-01-01T00:00, to: 2020-01-01T01:00}}
"""
HOUR = timedelta(hours=1)


def test_uptime_tells_what_is_promised_as_the_configuration_has_it_now(build: Build) -> None:
    world = build(config=CONFIG + PROMISES)
    shop, now = Shop(world.stage.database), world.clock()
    shop.observe("data", now - HOUR, "x" * 3 + "o" * 57)
    client = world.bearer(Role.VIEWER)
    found = client.get("/api/uptime").json()["data"]["data"]["24h"]
    assert (found["share"], found["objective"], found["met"]) == (0.95, 0.9, True)
    assert (found["budget"], found["left"]) == (360, 180)
    path = world.house.current().path
    path.write_text(CONFIG + PROMISES.replace("90%", "99%").replace("2020-01-01T0", "2030-01-01T0"))
    world.house.reload()
    again = client.get("/api/uptime").json()["data"]["data"]["24h"]
    assert (again["objective"], again["met"]) == (0.99, False)


def test_a_report_is_what_the_command_line_reads(build: Build) -> None:
    world = build(config=CONFIG + PROMISES)
    shop, now = Shop(world.stage.database), world.clock()
    shop.observe("data", now - 30 * HOUR, "o" * 1800)
    client = world.bearer(Role.VIEWER)
    answer = client.get("/api/monitoring/report", params={"period": "daily", "date": now.date().isoformat()})
    assert answer.status_code == 200, answer.text
    found = TypeAdapter(ReportData).validate_python(answer.json()["data"])
    assert found == world.house.views.report("daily", now.date())
    assert [one.check for one in found.checks] == ["data"]


def test_what_cannot_be_told(build: Build) -> None:
    client = build().bearer(Role.VIEWER)
    assert client.get("/api/monitoring/report?period=hourly").status_code == 422
    assert client.get("/api/monitoring/report?date=9999-01-01").status_code in (400, 422)
    for odd in ("yesterday", "0", "1795000000", "2026-11-21T00:00:00Z", ""):
        assert client.get(f"/api/monitoring/report?date={odd}").status_code == 422, odd
