"""Through which channels whoever is named is reached."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daytwo.config import Config
from daytwo.config.loading import parsed
from daytwo.respond.oncall import Takeover, reach, team_channels
from daytwo.respond.oncall.twice import twice
from daytwo.respond.pipeline.stages import routes_of
from tests.respond.stage import BEGIN, CONFIG


def config(tmp_path: Path) -> Config:
    return parsed(CONFIG, tmp_path / "daytwo.yaml")


def told(config: Config, *names: str, **more: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.channel, tuple(person.name for person in one.to)) for one in reach(config, names, BEGIN, **more)]


def test_channels_people_and_rotas(tmp_path: Path) -> None:
    some = config(tmp_path)
    assert told(some, "chat") == [("chat", ())]
    assert told(some, "anna") == [("pager", ("anna",))]
    assert told(some, "carl") == [("mail", ("carl",))], "every e-mail channel"
    assert told(some, "primary") == [("pager", ("bob",))]
    assert told(some, "nobody-of-this-name") == []
    [one] = reach(some, ["carl"], BEGIN)
    assert one.to[0].email == "carl@example.com"


def test_nobody_is_told_twice_and_nobody_is_left_out(tmp_path: Path) -> None:
    some = config(tmp_path)
    assert told(some, "bob", "primary", "anna", "bob") == [("pager", ("bob", "anna"))]
    assert told(some, "mail", "carl") == [("mail", ()), ("mail", ("carl",))], "its own receivers, and carl"


def test_who_has_no_address_is_not_left_out_beside_those_who_have_one(tmp_path: Path) -> None:
    text = CONFIG.replace("carl: {email: carl@example.com}", "carl: {}").replace(
        "bob: {email: bob@example.com, channels: [pager]}", "bob: {email: bob@example.com}"
    )
    some = parsed(text, tmp_path / "daytwo.yaml")
    assert told(some, "bob", "carl") == [("mail", ("bob",)), ("mail", ())], "all@example.com"
    assert reach(some, ["carl"], BEGIN)[0].note == "carl has no e-mail address, so the receivers of mail are told"
    bare = parsed(text.replace("to: [all@example.com]", "port: 25"), tmp_path / "daytwo.yaml")
    assert [one for one, _ in told(bare, "carl")] == ["pager", "chat", "mail"], "that mail gets to nobody"


def test_the_channel_of_subscribers_is_not_the_teams(tmp_path: Path) -> None:
    extra = "  customers: {kind: email, host: localhost, from: status@example.com}\npeople:\n"
    page = "status_page: {subscribe: customers}\n"
    some = parsed(CONFIG.replace("people:\n", extra, 1) + page, tmp_path / "daytwo.yaml")
    assert told(some, "carl") == [("mail", ("carl",))]
    assert team_channels(some) == ("pager", "chat", "mail")
    assert told(some, "customers") == [("customers", ())], "unless somebody says so"
    only = parsed(CONFIG + "status_page: {subscribe: mail}\n", tmp_path / "daytwo.yaml")
    assert told(only, "carl") == [("mail", ("carl",))], "where there is no other for e-mail"


@pytest.mark.parametrize(
    ("route", "warned"),
    [
        ("{to: [primary]}", True),
        ("{level: critical, rules: ['*'], to: [pager, primary]}", True),
        ("{level: warning, to: [primary]}", False),
        ("{to: [primary], when: '0 8 * * *'}", False),
        ("{services: [db], to: [primary]}", False),
        ("{to: [chat]}", False),
    ],
)
def test_who_hears_of_an_alert_and_at_once_of_its_incident_is_a_warning(
    tmp_path: Path, route: str, warned: bool
) -> None:
    some = parsed(f"{CONFIG}routes: {{loud: {route}}}\n", tmp_path / "daytwo.yaml")
    found = twice(some, routes_of(some), BEGIN)
    assert len(found) == warned
    if warned:
        assert found[0].startswith(
            "bob by pager is told twice at once: by the route loud, and by the first level of P1"
        )


def test_a_takeover_counts(tmp_path: Path) -> None:
    taken = {"primary": [Takeover("anna", BEGIN - timedelta(hours=1), BEGIN + timedelta(hours=1))]}
    assert told(config(tmp_path), "primary", takeovers=taken) == [("pager", ("anna",))]


def test_without_e_mail_whoever_has_no_channel_is_reached_by_all(tmp_path: Path) -> None:
    text = CONFIG.replace("  mail: {kind: email, host: localhost, from: ops@example.com, to: [all@example.com]}\n", "")
    some = parsed(text, tmp_path / "daytwo.yaml")
    found = reach(some, ["carl"], BEGIN)
    assert [one.channel for one in found] == ["pager", "chat"]
    assert found[0].note == "carl has no channel, so every channel is told"
