"""Which checks an app has: those of its services' kinds, and one for every container."""

from pathlib import Path
from typing import Any

import pytest

from daytwo.core.containers import ContainerCheck, Wanted
from daytwo.core.errors import ConfigError
from daytwo.core.registry import service_class
from daytwo.core.service import AnyService, Place
from daytwo.core.target import Ssh
from daytwo.watch.catalog import checks_of


def service(name: str, kind: str, **settings: Any) -> AnyService:
    made = service_class(kind)
    return made(name, made.Settings.model_validate({"kind": kind, **settings}), Place(Path("/app"), "shop", "test"))


def test_a_service_in_a_container_is_watched_as_that_too() -> None:
    found = checks_of([service("cache", "redis", container="shop-redis-1", ssh="web1", check={"every": "10s"})])
    free = found["cache.container"]
    assert isinstance(free, ContainerCheck)
    assert free.wanted == Wanted("shop-redis-1")
    assert free.host == Ssh("web1")
    assert (free.service, free.timing.every, free.timing.failures) == ("cache", 10, 2)


def test_a_service_elsewhere_is_not() -> None:
    assert not [name for name in checks_of([service("cache", "redis")]) if "container" in name]


def test_what_is_not_to_be_checked_is_not() -> None:
    assert not checks_of([service("cache", "redis", container="x", check=False)])


def test_a_container_as_a_service_has_one_check() -> None:
    assert list(checks_of([service("web", "container", container="shop-web-1")])) == ["web"]
    named = checks_of([service("web", "container", compose={"project": "shop", "service": "web"})])
    assert isinstance(named["web"], ContainerCheck)
    assert named["web"].wanted == Wanted(project="shop", service="web")


@pytest.mark.parametrize("settings", [{}, {"container": "x", "compose": {"project": "shop", "service": "web"}}])
def test_a_container_is_named_in_one_way(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either by `container` or by `compose`"):
        service("web", "container", **settings)


def test_two_checks_of_one_name_are_refused() -> None:
    one = service("cache", "container", container="a")
    with pytest.raises(ConfigError, match="two checks are called cache: of cache and of cache"):
        checks_of([one, service("cache", "container", container="b")])
