"""The daemon's configuration: replaced only by one without mistakes."""

from pathlib import Path

import pytest

from daytwo.core.errors import ConfigError
from daytwo.serve.site import Site

GOOD = """\
app: shop
timezone: UTC
services: {up: {kind: files, path: up}}
repositories: {local: {kind: archive, path: backups}}
backups: {nightly: {at: "0 3 * * *"}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "daytwo.yaml"
    path.write_text(GOOD)
    return path


def test_a_good_file_replaces_the_old_one_and_everybody_hears_of_it(file: Path) -> None:
    site, heard = Site(file), []
    site.on_change(lambda: heard.append(site.config.backups["nightly"].at))
    file.write_text(GOOD.replace("0 3", "0 4"))
    assert site.reload() == []
    assert heard == ["0 4 * * *"]


@pytest.mark.parametrize("wrong", ["backups: [", GOOD.replace("nightly: {at", "nightly: {att"), GOOD + "zone: UTC\n"])
def test_a_bad_one_is_refused_and_the_old_one_stays(file: Path, wrong: str) -> None:
    site = Site(file)
    file.write_text(wrong)
    with pytest.raises(ConfigError):
        site.reload()
    assert site.config.backups["nightly"].at == "0 3 * * *"
    assert site.text == GOOD
    assert site.refused
    file.write_text(GOOD)
    site.reload()
    assert site.refused == ""


def test_a_file_that_is_gone_changes_nothing(file: Path) -> None:
    site = Site(file)
    file.unlink()
    with pytest.raises(ConfigError):
        site.reload()
    assert site.config.app == "shop"


@pytest.mark.parametrize("change", [("app: shop", "app: shop2"), ("timezone", "environment: test\ntimezone")])
def test_what_the_state_hangs_on_cannot_change(file: Path, change: tuple[str, str]) -> None:
    site = Site(file)
    file.write_text(GOOD.replace(*change))
    with pytest.raises(ConfigError, match="cannot change while"):
        site.reload()


def test_what_counts_from_the_next_start_on_is_told(file: Path) -> None:
    site = Site(file)
    file.write_text(GOOD + 'serve: {listen: "127.0.0.1:9000"}\n')
    assert site.reload() == ["serve.listen"]
