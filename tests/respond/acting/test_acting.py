"""What is done by itself about findings and alerts: once each, recorded, and never against a guard."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from daytwo.core.errors import AuthenticationError
from daytwo.store.tables import acts, audit_events, security_findings
from daytwo.store.url import StateUrl
from tests.access.people import Clock, staged
from tests.parts.postgres import PostgresServer
from tests.respond.acting.conftest import App, config_in


def test_the_documents_numbers_do_what_they_say(app: App) -> None:
    app.finding("auth_failure", "203.0.113.7")
    app.finding("rate_limit", "203.0.113.8", count=60, limit=50)
    app.finding("suspicious", "203.0.113.9", count=6, limit=5)
    app.act()
    assert app.blocked() == ["203.0.113.7"]
    assert app.investigated == [("finding 3", "P2")]
    told = [json.loads(one.message) for one in app.messages()]
    assert [(one["title"], one["level"]) for one in told] == [
        ("rate_limit from 203.0.113.8: 60 in 1 min", "warning"),
        ("suspicious from 203.0.113.9: 6 in 1 min", "warning"),
    ]
    assert told[0]["to"][0]["name"] == "ada"
    assert "daytwo block add 203.0.113.8" in told[0]["commands"]
    assert app.acts() == [
        ("guessing", "block_ip", "finding 1", "done"), ("flooding", "alert", "finding 2", "done"),
        ("probing", "alert", "finding 3", "done"), ("probing", "investigate", "finding 3", "done"),
    ]  # fmt: skip
    assert all(one.claimed for one in app.rows(security_findings))


def test_each_is_acted_upon_once_however_often_it_is_looked_at(app: App) -> None:
    app.finding("rate_limit")
    number = app.alert("disk full")
    for _ in range(3):
        app.act()
    assert len(app.messages()) == 2
    assert {one.about for one in app.messages()} == {"finding 1", f"alert {number}"}
    assert len(app.acts()) == 2


def test_what_was_claimed_and_not_done_when_the_daemon_was_killed_is_done_later(app: App) -> None:
    app.finding("auth_failure")
    with app.stage.database.begin() as connection:
        assert app.actor.claim(connection, app.clock()) == 1
    assert app.blocked() == []
    app.act()  # another daemon
    assert app.blocked() == ["203.0.113.7"]


def test_f36_nobody_who_is_logged_in_is_shut_out_and_the_record_says_why(app: App) -> None:
    app.stage.user("ada")
    app.stage.login("ada")  # from 192.0.2.7
    app.finding("auth_failure", "192.0.2.7")
    assert "ada used this daemon from 192.0.2.7" in app.act()[0]
    assert app.blocked() == []
    (act,) = app.rows(acts)
    assert act.state == "refused" and "ada used this daemon" in act.reason
    event = app.stage.events()[-1]
    assert (event.action, event.subject, event.outcome) == ("action.block_ip", "finding 1", "refused")
    assert "ada used this daemon" in event.detail


def test_f36_a_login_from_yesterday_protects_no_more_than_the_setting_says(app: App) -> None:
    app.stage.user("ada")
    entry = app.stage.login("ada")
    app.stage.door.do(lambda connection: app.stage.door.sessions.end_all(connection, "ada"))
    assert entry
    app.clock.advance(3600)
    app.finding("auth_failure", "192.0.2.7")
    assert "used this daemon" in app.act()[0], "logged out an hour ago: still an address of ours"
    app.clock.advance(25 * 3600)
    app.finding("auth_failure", "192.0.2.7")
    app.act()
    assert app.blocked() == ["192.0.2.7"]


def test_f36_whoever_only_tries_passwords_is_protected_by_nothing(app: App) -> None:
    app.stage.user("ada")
    with pytest.raises(AuthenticationError):
        app.stage.login("ada", "wrong password")
    app.finding("auth_failure", "192.0.2.7")
    app.act()
    assert app.blocked() == ["192.0.2.7"]


def test_an_ipv6_finding_is_blocked_as_its_network(app: App) -> None:
    app.finding("auth_failure", "2001:db8:7::/64")
    app.act()
    assert app.blocked() == ["2001:db8:7::/64"]


def test_a_finding_without_an_address_is_refused(app: App) -> None:
    app.finding("auth_failure", "", per="app")
    assert "no address is known" in app.act()[0]


def test_a_message_says_since_when_how_much_is_too_much_and_what_to_do(app: App, tmp_path: Path) -> None:
    text = app.config.path.read_text().replace("timezone: UTC", "timezone: Europe/Berlin")
    app.config = config_in(tmp_path, text + "serve: {url: 'https://ops.example.com'}\n")
    app.finding("rate_limit", "203.0.113.8", count=60, limit=50)
    number = app.alert("disk full")
    app.act()
    finding, alert = (json.loads(one.message) for one in app.messages())
    assert {one["name"]: one["value"] for one in finding["facts"]} == {
        "Action": "flooding", "Since": "2026-11-21 07:00:00 CET", "Events": "60; 50 in 1 min are too many",
        "Address": "203.0.113.8",
    }  # fmt: skip
    assert [one["url"] for one in (*finding["links"], *alert["links"])] == [
        "https://ops.example.com/security", f"https://ops.example.com/alerts/{number}"
    ]  # fmt: skip
    assert alert["text"] == "92 % of 100 GB"
    assert alert["commands"] == [f"daytwo alerts ack {number}"]


def test_without_names_every_channel_is_told(app: App, tmp_path: Path) -> None:
    app.config = config_in(tmp_path, app.config.path.read_text().replace("do: alert, to: ada", "do: alert"))
    app.finding("rate_limit")
    assert "told ops" in app.act()[0]


RECIPES = {
    "wordpress": "extends: wordpress\n",
    "vercel-postgres": "extends: vercel-postgres\nservices: {web: {url: 'http://a.example'}, db: {url: {env: D}}}\n",
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_bring_the_documents_answers(app: App, tmp_path: Path, recipe: str) -> None:
    """10 failed logins in a minute: the address is shut out; 50 requests too many: an admin; 5 probes: an incident."""
    mine = f"""\
app: shop
timezone: UTC
{RECIPES[recipe]}
repositories: {{local: {{kind: archive, path: ./kept}}}}
channels: {{ops: {{kind: slack, url: {{env: SLACK_URL}}}}}}
"""
    app.config = config_in(tmp_path, mine)
    limits = {name: (one.count, one.within) for name, one in app.config.security.limits.items()}
    assert limits.items() >= {"auth_failure": (10, 60), "rate_limit": (50, 60), "suspicious": (5, 60)}.items()
    app.finding("auth_failure", "203.0.113.7")
    assert "nothing shuts addresses out" in app.act()[0], "until somebody says by what"
    app.config = config_in(tmp_path, mine + "blocking: {by: {kind: nftables}}\n")
    app.finding("auth_failure", "203.0.113.7")
    app.finding("rate_limit", "203.0.113.8")
    app.finding("suspicious", "203.0.113.9")
    app.act()
    assert app.blocked() == ["203.0.113.7"]
    assert len(app.messages()) == 2
    assert app.investigated == [("finding 4", "P2")]


def test_a_dry_run_only_records(app: App, tmp_path: Path) -> None:
    app.config = config_in(tmp_path, app.config.path.read_text().replace("for: 1h", "for: 1h, dry_run: true"))
    app.finding("auth_failure")
    app.act()
    assert app.blocked() == []
    (act,) = app.rows(acts)
    assert (act.state, act.reason) == ("dry", "would shut 203.0.113.7 out for 1h")


def test_what_is_old_and_what_no_action_names_is_claimed_and_left_alone(app: App) -> None:
    app.finding("auth_failure", found=app.clock() - timedelta(days=2))
    app.finding("key_exposure")
    assert app.act() == []
    assert all(one.claimed for one in app.rows(security_findings))


def test_an_alert_that_is_over_is_not_told(app: App) -> None:
    app.alert("disk full", end=app.clock())
    assert app.act() == []


def test_an_act_that_breaks_is_tried_again_and_given_up_after_a_while(app: App) -> None:
    app.broken = "the desk is gone"
    app.finding("suspicious")
    with app.stage.database.begin() as connection:
        app.actor.claim(connection, app.clock())
        number = app.actor.waiting(connection)[1]
    for _ in range(5):
        with app.stage.database.begin() as connection:
            app.actor.failed(connection, number, "RuntimeError: the desk is gone", app.clock())
    state = next(one for one in app.rows(acts) if one.id == number)
    assert (state.state, state.tries, state.reason) == ("failed", 5, "RuntimeError: the desk is gone")


def test_each_act_is_audited(app: App) -> None:
    app.finding("auth_failure")
    app.act()
    assert [one.action for one in app.rows(audit_events)] == ["block.add", "action.block_ip"]


def test_an_alert_that_nothing_is_to_be_done_about_costs_nothing(app: App) -> None:
    for number in range(50):
        app.alert(f"other {number}")
    assert app.act() == []
    assert app.acts() == []


def test_many_alerts_that_nothing_is_to_be_done_about_do_not_hide_one_that_something_is(app: App) -> None:
    app.alert("disk-full")
    for number in range(600):
        app.alert(f"other {number}")
    assert len(app.act()) == 1


def test_what_was_done_long_ago_is_forgotten(app: App) -> None:
    app.finding("rate_limit")
    app.act()
    with app.stage.database.begin() as connection:
        app.actor.prune(connection, app.clock() - timedelta(days=1))
    assert len(app.acts()) == 1
    with app.stage.database.begin() as connection:
        app.actor.prune(connection, app.clock() + timedelta(days=1))
    assert app.acts() == []


@pytest.mark.real
def test_two_daemons_on_one_postgresql_do_an_act_once(postgres15: PostgresServer, tmp_path: Path) -> None:
    clock, config = Clock(), config_in(tmp_path)
    url = StateUrl.parse(postgres15.url(postgres15.create_database()), tmp_path)
    with staged(url, clock, config.serve) as stage:
        app, said = App(stage, config, clock), []
        app.finding("auth_failure")
        with stage.database.begin() as connection:
            app.actor.claim(connection, clock())
            (number,) = app.actor.waiting(connection)

        def other() -> None:
            with stage.database.begin() as connection:
                said.append(app.actor.perform(connection, number, clock()))

        thread = threading.Thread(target=other)
        with stage.database.begin() as connection:
            assert "is shut out" in app.actor.perform(connection, number, clock())
            thread.start()
            thread.join(20)
            assert said == [""], "while one has it in hand, the other leaves it alone"
        other()
        assert said == ["", ""]
        assert app.blocked() == ["203.0.113.7"]
        assert [one.action for one in app.rows(audit_events)] == ["block.add", "action.block_ip"]
