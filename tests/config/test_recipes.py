"""Recipes are merged under the file; what is wrong in one says so."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo import config
from daytwo.app import utc_now
from daytwo.config import ConfigFileError
from daytwo.config.document import Document, dump, parse
from daytwo.config.making import services_of
from daytwo.config.recipes import merge, packaged
from daytwo.core.check import Timing
from daytwo.serve.own_checks import all_checks
from daytwo.watch.catalog import checks_of
from daytwo.watch.logs.patterns import patterns_of
from daytwo.watch.rules import Bindings

RECIPIENT = "age1xr4m63u9ld4wxkqapsdq78efntg9ww0rz83ycas3247gs5fl7u5qsdpsz8"


def merged(under: str, over: str) -> Any:
    return merge(parse(under, "under"), parse(over, "over")).data


def test_maps_are_merged_and_lists_replaced() -> None:
    under = "a: {b: 1, c: {d: 2}}\nlist: [1, 2]\n"
    assert merged(under, "a: {c: {e: 3}}\nlist: [9]\n") == {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "list": [9]}


def test_null_takes_away() -> None:
    assert merged("a: {b: 1, c: 2}\n", "a: {b: null}\n") == {"a": {"c": 2}}


def test_null_for_what_is_not_there_stays_a_mistake_that_is_told() -> None:
    assert merged("a: {b: 1}\n", "a: {c: null}\n") == {"a": {"b": 1, "c": None}}


def test_another_kind_replaces_the_whole_service() -> None:
    assert merged("db: {kind: postgres, user: a}\n", "db: {kind: mysql}\n") == {"db": {"kind": "mysql"}}
    assert merged("db: {kind: mysql, user: a}\n", "db: {kind: mysql}\n") == {"db": {"kind": "mysql", "user": "a"}}


def test_a_reference_to_a_secret_is_replaced_as_a_whole() -> None:
    assert merged("p: {env: A}\n", "p: {file: b}\n") == {"p": {"file": "b"}}


def test_every_value_is_where_it_was_written() -> None:
    document = merge(parse("a: {b: 1, c: 2}\n", "recipe x"), parse("a:\n  c: 3\n", "daytwo.yaml"))
    assert str(document.spot(("a", "b"))) == "recipe x:1:8"
    assert str(document.spot(("a", "c"))) == "daytwo.yaml:2:6"


def test_later_recipes_go_before_earlier_ones_and_the_file_before_all(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("app: one\nenvironment: one\ntimezone: Europe/Paris\n")
    (tmp_path / "two.yaml").write_text("extends: ./three.yaml\nenvironment: two\n")
    (tmp_path / "three.yaml").write_text("environment: three\nservices: {db: {kind: postgres, container: three}}\n")
    loaded = config.parsed("app: shop\nextends: [./one.yaml, ./two.yaml]\n", tmp_path / "daytwo.yaml")
    assert (loaded.app, loaded.environment, loaded.timezone) == ("shop", "two", "Europe/Paris")
    assert loaded.services["db"].container == "three"
    assert loaded.origin.sources == ("daytwo.yaml", "./one.yaml", "./two.yaml", "./three.yaml")


def test_a_mistake_in_a_recipe_names_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("services:\n  db: {kind: postgres, usr: a}\n")
    with pytest.raises(ConfigFileError) as caught:
        config.parsed("app: shop\nextends: [./base.yaml]\n", tmp_path / "daytwo.yaml")
    assert "./base.yaml:2:24  services.db.usr  unknown setting; did you mean `user`?" in str(caught.value)


def test_a_recipe_that_extends_itself(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: [./b.yaml]\n")
    (tmp_path / "b.yaml").write_text("extends: [./a.yaml]\n")
    with pytest.raises(ConfigFileError, match=r"\./a.yaml extends itself"):
        config.parsed("app: shop\nextends: [./a.yaml]\n", tmp_path / "daytwo.yaml")


NEEDED: Mapping[str, str] = {
    "vercel-postgres": "services: {web: {url: 'https://shop.example.com'}, db: {url: 'postgresql://shop@db.example/shop'}}",
}
"""What a recipe cannot know, and the file must say."""


def extended(recipe: str, tmp_path: Path) -> config.Config:
    text = f"app: x\nextends: [{recipe}]\nrecovery: {{recipients: [{RECIPIENT}]}}\n{NEEDED.get(recipe, '')}\n"
    return config.parsed(
        f"{text}repositories: {{local: {{kind: archive, path: ./backups}}}}\n", tmp_path / "daytwo.yaml"
    )


@pytest.mark.parametrize("recipe", packaged())
def test_packaged_recipes_load(recipe: str, tmp_path: Path) -> None:
    loaded = extended(recipe, tmp_path)
    assert loaded.services and "nightly" in loaded.backups
    assert loaded.origin.sources[1] == f"recipe {recipe}"


@pytest.mark.parametrize("recipe", packaged())
def test_every_rule_of_a_recipe_looks_at_something(recipe: str, tmp_path: Path) -> None:
    """At a check there is, at a number that a check takes, or at what logs, traffic or the app itself hand in."""
    loaded = extended(recipe, tmp_path)
    checks = all_checks(loaded, None, utc_now)
    series = {f"{check.name}.{measure.name}" for check in checks.values() for measure in check.measures}
    series |= {f"logs.{name}" for name in patterns_of(loaded.patterns)}
    series |= {f"traffic.{name}.{number}" for name in loaded.services for number in ("requests", "errors", "duration")}
    series |= {"app.errors", "app.requests", "app.memory"}
    for name, rule in loaded.rules.items():
        for wanted in (rule.series, rule.of):
            assert wanted is None or any(fnmatchcase(one, wanted) for one in series), f"{name}: {wanted}"
        assert rule.about, name
    assert Bindings(loaded.rules, checks).unknown() == []
    assert all(pattern.about for pattern in loaded.patterns.values())
    if loaded.rules:
        assert "host" in loaded.services or recipe == "vercel-postgres"


SAID = {
    "oauth": [
        "[Nest] 41 ERROR [AuthService] OAuth callback failed: redirect_uri_mismatch",
        '{"error":"invalid_grant","error_description":"refresh token expired"}',
    ],
    "mcp": ["ERROR MCP connection failed: Unauthorized", "mcp server: request timed out"],
    "platform": [
        "Error: LinkedIn API error: 401 Unauthorized", "twitter.com answered 429 Too Many Requests",
        "Facebook: Request failed with status code 503",
    ],
    "database": [
        "PrismaClientInitializationError: Can't reach database server at `postiz-postgres:5432`",
        "Error: P1001", 'FATAL:  password authentication failed for user "postiz-user"',
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_postiz_says_is_found_and_explained(name: str, tmp_path: Path) -> None:
    patterns = extended("postiz", tmp_path).patterns
    for line in SAID[name]:
        assert re.search(patterns[name].match, line), line
    for line in (
        "GET /api/oauth/callback 200",
        "LinkedIn: post 4711 published",
        "MCP client connected",
        "listening on 5432",
    ):
        assert not re.search(patterns[name].match, line), line


NUMBERS = [
    ("postiz", "services.db.kind", "postgres", "P12, 000:58 `PostgreSQL (pg_isready)`"),
    ("postiz", "services.cache.kind", "redis", "P12, 000:58 `Redis (redis-cli ping)`"),
    ("postiz", "rules.app-memory.warning", "> 2.5GB", "P11, 000:57 `RAM usage stays under 2.5GB`"),
    ("postiz", "rules.app-cpu.warning", "> 60%", "P11, 000:57 `CPU under 60% during normal operation`"),
    ("postiz", "rules.host-cpu.warning", "> 60%", "P11, 000:57"),
    ("postiz", "rules.logs-grow.series", "*.container.log_size", "P11, 000:59 `confirm logs don't exhaust disk`"),
    ("postiz", "rules.oauth.series", "logs.oauth", "P13, 000:60 `OAuth errors`"),
    ("postiz", "rules.mcp.series", "logs.mcp", "P13, 000:60 `MCP connection failures`"),
    ("postiz", "rules.platform.series", "logs.platform", "P13, 000:60 `platform API errors`"),
    ("postiz", "rules.database.series", "logs.database", "P13, 000:60 `database connection errors`"),
    ("postiz", "rules.restarts.warning", "> 3", "P14, 000:61 `container restarts >3 in 1 hour`"),
    ("postiz", "rules.restarts.take", "increase", "P14, 000:61"),
    ("postiz", "rules.restarts.over", "1h", "P14, 000:61"),
    ("postiz", "rules.memory.critical", "> 90%", "P14, 000:61 `memory usage >90%`"),
    ("postiz", "rules.disk.warning", "> 85%", "P9, P14, 000:61 `disk usage >85%`"),
    ("postiz", "backups.nightly.at", "0 3 * * *", "P8, 000:37"),
    ("postiz", "backups.nightly.keep.last", "7", "P6, 000:22 `only the last 7`"),
    ("wordpress", "services.web.check.every", "5m", "C1, 001:23 `interval: 5m`"),
    ("wordpress", "services.web.check.timeout", "10s", "C1, 001:24 `timeout: 10s`"),
    ("wordpress", "services.web.check.retries", "3", "C1, 001:25 `retries: 3`"),
    ("wordpress", "services.web.check.failures", "3", "C1, 001:26 `alert_threshold: 3`"),
    ("wordpress", "objectives.p95", "2s", "C2, 001:32 `p95 < 2s`"),
    ("wordpress", "rules.slow.take", "p95", "C2, 001:32"),
    ("wordpress", "rules.slow.warning", "> 2s", "C2, 001:32"),
    ("wordpress", "objectives.errors", "5%", "C2, 001:33 `Error rate (< 5%)`"),
    ("wordpress", "objectives.uptime", "99.9%", "C19, 001:448 `Uptime (> 99.9%)`"),
    ("wordpress", "rules.faulty.warning", "> 5%", "C2, 001:33"),
    ("wordpress", "rules.faulty.critical", "> 10%", "C14, 001:287 `threshold: 10%`"),
    ("wordpress", "security.limits.auth_failure.count", "10", "C3, 001:55 `10/minute`"),
    ("wordpress", "security.limits.rate_limit.count", "50", "C3, 001:58 `50/minute`"),
    ("wordpress", "security.limits.suspicious.count", "5", "C3, 001:61 `5/minute`"),
    ("wordpress", "security.limits.auth_failure.within", "1m", "C3, 001:55"),
    ("wordpress", "security.limits.rate_limit.within", "1m", "C3, 001:58"),
    ("wordpress", "security.limits.suspicious.within", "1m", "C3, 001:61"),
    ("vercel-postgres", "rules.slow.warning", "> 1s", "N16, 002:288 `Response time > 1000ms (warning)`"),
    ("vercel-postgres", "rules.slow.critical", "> 2s", "N16, 002:289 `> 2000ms (critical)`"),
    ("vercel-postgres", "rules.faulty.warning", "> 5%", "N16, 002:290 `Error rate > 5% (warning)`"),
    ("vercel-postgres", "rules.faulty.critical", "> 10%", "N16, 002:291 `> 10% (critical)`"),
    ("vercel-postgres", "rules.memory.warning", "> 80%", "N16, 002:292 `Memory usage > 80% (warning)`"),
    ("vercel-postgres", "rules.memory.critical", "> 90%", "N16, 002:293 `> 90% (critical)`"),
    ("vercel-postgres", "services.web.check.failures", "3", "C1, 001:26"),
    ("vercel-postgres", "security.limits.auth_failure.count", "10", "C3, 001:55"),
    ("vercel-postgres", "security.limits.rate_limit.count", "50", "C3, 001:58"),
    ("vercel-postgres", "security.limits.suspicious.count", "5", "C3, 001:61"),
    ("wordpress", "incidents.severities.P0.respond", "15m", "C13, 001:254 `Response Time: 15 minutes`"),
    ("wordpress", "incidents.severities.P1.respond", "1h", "C13, 001:260 `Response Time: 1 hour`"),
    ("wordpress", "incidents.severities.P2.respond", "4h", "C13, 001:266 `Response Time: 4 hours`"),
    ("wordpress", "incidents.severities.P3.respond", "1d", "C13, 001:272 `Response Time: 24 hours`"),
    ("wordpress", "incidents.open.0.rules.0", "web", "C14, 001:283 `health_check_failure`, threshold 3"),
    ("wordpress", "incidents.open.1.rules.0", "faulty", "C14, 001:286 `high_error_rate`, threshold 10 %"),
    ("wordpress", "security.limits.breach.count", "1", "C14, 001:290 `threshold: 1`"),
    ("wordpress", "actions.breached.do.1", "investigate", "C14, 001:291 `create_incident_immediate`"),
    ("wordpress", "security.limits.key_exposure.count", "1", "C3, 001:49 `API key exposure attempts`"),
    ("vercel-postgres", "incidents.severities.P0.respond", "15m", "C13, 001:254 `Response Time: 15 minutes`"),
    ("vercel-postgres", "incidents.severities.P1.respond", "1h", "C13, 001:260 `Response Time: 1 hour`"),
    ("vercel-postgres", "incidents.severities.P2.respond", "4h", "C13, 001:266 `Response Time: 4 hours`"),
    ("vercel-postgres", "incidents.severities.P3.respond", "1d", "C13, 001:272 `Response Time: 24 hours`"),
    ("vercel-postgres", "incidents.open.0.rules.0", "web", "C14, 001:283 `health_check_failure`, threshold 3"),
    ("vercel-postgres", "incidents.open.1.rules.0", "faulty", "C14, 001:286 `high_error_rate`, threshold 10 %"),
    ("vercel-postgres", "security.limits.breach.count", "1", "C14, 001:290 `threshold: 1`"),
    ("vercel-postgres", "actions.breached.do.1", "investigate", "C14, 001:291 `create_incident_immediate`"),
    ("vercel-postgres", "security.limits.key_exposure.count", "1", "C3, 001:49 `API key exposure attempts`"),
    ("sqlite-app", "objectives.uptime", "99.9%", "W7, 004:56 `99.9%+ during business hours`"),
    ("sqlite-app", "objectives.hours.0", "mon-fri 09:00-17:00", "W7, 004:56"),
]
"""What a document asks for, and where: the row of the requirements, the document's number and its line."""


@pytest.mark.parametrize(("recipe", "path", "wanted", "source"), NUMBERS, ids=[f"{one[0]}.{one[1]}" for one in NUMBERS])
def test_the_numbers_of_the_documents(recipe: str, path: str, wanted: str, source: str, tmp_path: Path) -> None:
    found: Any = extended(recipe, tmp_path)
    for step in path.split("."):
        if isinstance(found, Mapping):
            found = found[step]
        else:
            found = found[int(step)] if isinstance(found, tuple) else getattr(found, step)
    assert str(found) == wanted, source


def test_what_is_asked_is_what_the_check_does(tmp_path: Path) -> None:
    timing = checks_of(services_of(extended("wordpress", tmp_path)).values())["web"].timing
    assert timing == Timing(every=300, timeout=10, retries=3, failures=3), "C1, 001:21-26"


KEYS = st.sampled_from(["a", "b", "c", "kind", "env"])
TREES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)
MAPS = st.dictionaries(KEYS, TREES, max_size=4)


def document(data: object, name: str) -> Document:
    return parse(dump(data), name)


@given(MAPS)
def test_merging_nothing_changes_nothing(data: dict[str, object]) -> None:
    assert merge(document({}, "under"), document(data, "over")).data == data
    assert merge(document(data, "under"), document({}, "over")).data == data


@given(MAPS, MAPS)
def test_every_merged_value_has_its_place(under: dict[str, object], over: dict[str, object]) -> None:
    whole = merge(document(under, "under"), document(over, "over"))

    def walk(data: object, path: tuple[str | int, ...]) -> None:
        assert path in whole.values
        inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
        for step, value in inner:
            walk(value, (*path, step))

    walk(whole.data, ())


@given(MAPS, MAPS)
def test_what_the_file_says_counts(under: dict[str, object], over: dict[str, object]) -> None:
    whole = merge(document(under, "under"), document(over, "over")).data
    for key, value in over.items():
        if not isinstance(value, dict) and not (value is None and key in under):
            assert whole[key] == value or (under.get("kind") != over.get("kind") and "kind" in over and "kind" in under)
