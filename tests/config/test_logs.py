"""Logs, services and patterns that name each other."""

from pathlib import Path

import pytest

from daytwo import config
from daytwo.config import ConfigFileError
from daytwo.watch.logs.sources import logs_of

BASE = """app: shop
services:
  web: {kind: http, url: "http://localhost/", container: shop}
  uploads: {kind: files, container: shop, path: /uploads}
  db: {kind: postgres, container: shop-db}
  data: {kind: files, path: data}
  worker: {kind: container, compose: {project: shop, service: worker}}
"""


def problems(text: str, folder: Path) -> list[str]:
    try:
        config.parsed(BASE + text, folder / "daytwo.yaml")
    except ConfigFileError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("patterns: {a: {match: x, logs: wbe}}", "there is no log wbe; did you mean `web`"),
        ("patterns: {a: {match: x, logs: [web, uploads]}}", "its container is followed as web"),
        ("patterns: {a: {match: x, logs: [data]}}", "there is no log data"),
        ("patterns: {a: {match: x, logs: db}}\nlogs: {db: {off: true}}", "it is not followed"),
        ("security: {detect: {wbe: nginx}}", "there is no log wbe; did you mean `web`"),
        ("security: {detect: {web: nginx, uploads: [nginx, wordpress]}}", "its container is followed as web"),
        ("security: {detect: {db: postgres}}\nlogs: {db: {off: true}}", "it is not followed"),
        ("logs: {data: {access: caddy}}", "the service data is in no container"),
        ("logs: {wbe: {access: caddy}}", "no service is called wbe"),
        ("logs: {web: {file: /var/log/x}}", "has a log of this name already"),
        ("logs: {x: {off: true}}", "nothing to turn off"),
        ("logs: {x: {file: /var/log/x, ssh: other}}", "a file on another host cannot be followed"),
    ],
)
def test_a_mistake_is_named(text: str, why: str, tmp_path: Path) -> None:
    [found] = problems(text, tmp_path)
    assert why in found


def test_what_is_followed(tmp_path: Path) -> None:
    text = (
        "logs: {db: {off: true}, uploads: {access: caddy}, own: {file: app.log}, ssh: {journal: ssh.service, ssh: far}}\n"
        "patterns: {a: {match: x, logs: [uploads, own, ssh, worker]}}"
    )
    assert problems(text, tmp_path) == []
    found = logs_of(config.parsed(BASE + text, tmp_path / "daytwo.yaml"))
    assert {name: one.place for name, one in found.items()} == {
        "uploads": "container shop",
        "own": f"{tmp_path}/app.log",
        "ssh": "unit ssh.service on host far",
        "worker": "container of service worker in the Compose project shop",
    }
    assert found["uploads"].access == "caddy"
