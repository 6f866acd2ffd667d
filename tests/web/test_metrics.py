"""What Prometheus is told of what is watched."""

from prometheus_client.parser import text_string_to_metric_families

from daytwo.access.roles import Role
from daytwo.watch.numbers import Numbers, Point
from tests.web.conftest import Build
from tests.web.ui.staging import CONFIG, fill

STRANGE = 'app.a"b\\c\nd'


def test_it_is_read_back_as_it_is(build: Build) -> None:
    """Whatever names hold: the thousands of lines are written by ourselves."""
    world = build(config=CONFIG)
    fill(world)
    now = world.clock()
    config = world.house.current()
    values = {STRANGE: 0.25, "app.large": 1e300, "app.small": -1e-300, "app.whole": 3.0}
    with world.house.database.begin() as connection:
        points = [Point(name, "s", False, round(now.timestamp() * 1000), value) for name, value in values.items()]
        Numbers(world.house.database, config.app, config.environment).add(connection, points, now)
    found = {
        family.name: {tuple(sorted(one.labels.items())): one.value for one in family.samples}
        for family in text_string_to_metric_families(world.bearer(Role.VIEWER).get("/metrics").text)
    }
    own = {"app": config.app, "environment": config.environment}
    glance = world.house.views.glance()
    assert found["daytwo_number"] == {
        tuple(sorted({**own, "series": one.name, "unit": one.unit}.items())): last.value
        for one, last in glance.newest
        if last is not None
    }
    assert STRANGE in {dict(labels)["series"] for labels in found["daytwo_number"]}
    assert found["daytwo_check_ok"] == {
        tuple(sorted({**own, "check": name}.items())): float(verdict == "ok")
        for name, verdict in glance.verdicts
        if verdict != "inconclusive"
    }
    assert set(found["daytwo_check_ok"].values()) == {0.0, 1.0}
    assert found["daytwo_alert_firing"]
