"""Each kind that posts, by the contract, against a strict stand-in; hostile texts by the thousand."""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from daytwo.channels import discord, ntfy, pagerduty, slack, teams, telegram
from daytwo.channels.telegram import TelegramSettings
from daytwo.core.channel import Event, Message, RejectedError
from tests.channels import (
    discord_stand_in,
    ntfy_stand_in,
    pagerduty_stand_in,
    slack_stand_in,
    teams_stand_in,
    telegram_stand_in,
)
from tests.channels.http_case import HttpCase, Settings, channel
from tests.channels.messages import AT, MESSAGES, enormous, message
from tests.channels.stand_in import Judge, Reply, Request, StandIn, closed_port, serving
from tests.contract.channels import ChannelContract

WEBHOOK_SECRET = "SecretSecretSecretSecret"


def webhook_judge(request: Request) -> Reply:
    """Five lines of Python that check a signature, as docs/how-to/channels.md has them."""
    if request.path != "/hook":
        return Reply(404, "")
    stamp, given = request.headers["daytwo-timestamp"], request.headers["daytwo-signature"]
    expected = hmac.new(WEBHOOK_SECRET.encode(), f"{stamp}.".encode() + request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given, f"sha256={expected}"):
        return Reply(401, "wrong signature")
    data = json.loads(request.body)
    assert request.headers["idempotency-key"] == data.pop("id")
    Message.model_validate(data)
    return Reply(200, "")


class SlackCase(HttpCase):
    kind, secret = "slack", "url"
    secrets = ("SecretSecretSecretSecret", "/services/")

    def settings(self, base: str) -> Settings:
        return {"url": self.put("url", base + slack_stand_in.PATH)}

    def wrong(self) -> Settings:
        return {"url": self.put("wrong", f"{self.stand_in.url}/services/T0000TEAM/B0000HOOK/SecretSecretSecretSecreX")}


class DiscordCase(HttpCase):
    kind, secret = "discord", "url"
    secrets = ("SecretSecretSecretSecret", "/webhooks/")

    def settings(self, base: str) -> Settings:
        return {"url": self.put("url", base + discord_stand_in.PATH)}

    def wrong(self) -> Settings:
        return {"url": self.put("wrong", f"{self.stand_in.url}/api/webhooks/1234567890/SecretSecretSecretSecretX")}


class TeamsCase(HttpCase):
    kind, secret = "teams", "url"
    secrets = ("SecretSecretSecretSecret", "/workflows/")

    def settings(self, base: str) -> Settings:
        return {"url": self.put("url", f"{base}{teams_stand_in.PATH}?{teams_stand_in.QUERY}")}

    def wrong(self) -> Settings:
        return {"url": self.put("wrong", f"{self.stand_in.url}{teams_stand_in.PATH}?sig=SecretSecretSecretSecret2")}


class TelegramCase(HttpCase):
    kind, secret = "telegram", "token"
    secrets = (telegram_stand_in.TOKEN,)

    def settings(self, base: str) -> Settings:
        return {"server": base, "token": self.put("token", telegram_stand_in.TOKEN), "chat": telegram_stand_in.CHAT}

    def wrong(self) -> Settings:
        return {**self.settings(self.stand_in.url), "token": self.put("wrong", telegram_stand_in.TOKEN[:-1] + "X")}


class NtfyCase(HttpCase):
    kind, secret = "ntfy", "topic"
    secrets = (ntfy_stand_in.TOKEN, ntfy_stand_in.TOPIC)

    def settings(self, base: str) -> Settings:
        return {
            "server": base,
            "topic": self.put("topic", ntfy_stand_in.TOPIC),
            "token": self.put("token", ntfy_stand_in.TOKEN),
        }

    def wrong(self) -> Settings:
        return {**self.settings(self.stand_in.url), "token": self.put("wrong", "tk_wrongSecretSecretSecretSecre")}


class PagerdutyCase(HttpCase):
    kind, secret = "pagerduty", "key"
    secrets = (pagerduty_stand_in.KEY,)

    def settings(self, base: str) -> Settings:
        return {"url": base, "key": self.put("key", pagerduty_stand_in.KEY)}

    def wrong(self) -> Settings:
        return {"url": self.stand_in.url, "key": self.put("wrong", "x" * 32)}


class WebhookCase(HttpCase):
    kind, secret = "webhook", "secret"
    secrets = (WEBHOOK_SECRET,)

    def settings(self, base: str) -> Settings:
        return {"url": self.put("url", f"{base}/hook"), "secret": self.put("secret", WEBHOOK_SECRET)}

    def wrong(self) -> Settings:
        return {**self.settings(self.stand_in.url), "secret": self.put("wrong", "another secret")}


JUDGES: dict[type[HttpCase], Judge] = {
    SlackCase: slack_stand_in.judge,
    DiscordCase: discord_stand_in.judge,
    TeamsCase: teams_stand_in.judge,
    TelegramCase: telegram_stand_in.judge,
    NtfyCase: ntfy_stand_in.judge,
    PagerdutyCase: pagerduty_stand_in.PagerdutyStandIn().judge,
    WebhookCase: webhook_judge,
}


class TestEveryKind(ChannelContract):
    """The contract, once for each kind."""

    @pytest.fixture(params=JUDGES, ids=lambda one: one.kind)
    def case(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HttpCase]:
        with serving(JUDGES[request.param]) as stand_in, closed_port() as closed:
            yield request.param(stand_in, closed, tmp_path)


TELEGRAM = TelegramSettings.model_validate({"kind": "telegram", "token": {"env": "X"}, "chat": telegram_stand_in.CHAT})
PAYLOADS = {
    "slack": (slack_stand_in.PATH, slack_stand_in.judge, slack.payload),
    "discord": (f"{discord_stand_in.PATH}?wait=true", discord_stand_in.judge, discord.payload),
    "teams": (f"{teams_stand_in.PATH}?{teams_stand_in.QUERY}", teams_stand_in.judge, teams.payload),
    "telegram": (
        f"/bot{telegram_stand_in.TOKEN}/sendMessage", telegram_stand_in.judge, lambda one: telegram.payload(one, TELEGRAM)
    ),
    "ntfy": ("/", ntfy_stand_in.judge, lambda one: ntfy.payload(one, ntfy_stand_in.TOPIC)),
    "pagerduty": (
        "/v2/enqueue", pagerduty_stand_in.PagerdutyStandIn().judge,
        lambda one: pagerduty.event(one, pagerduty_stand_in.KEY, "trigger"),
    ),
    "pagerduty change": (
        "/v2/change/enqueue", pagerduty_stand_in.PagerdutyStandIn().judge,
        lambda one: pagerduty.change(one, pagerduty_stand_in.KEY),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", PAYLOADS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=MESSAGES)
def test_no_text_makes_a_message_that_is_refused_or_means_something_else(kind: str, told: Message) -> None:
    path, judge, payload = PAYLOADS[kind]
    body = json.dumps(payload(told), ensure_ascii=False).encode("utf-8", "replace")
    headers = {"authorization": f"Bearer {ntfy_stand_in.TOKEN}"}
    reply = judge(Request(path, headers, body))
    assert reply.status < 300, reply


def standing(judge: Judge) -> contextlib.AbstractContextManager[StandIn]:
    return serving(judge)


def test_pagerduty_knows_an_alert_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    pager = pagerduty_stand_in.PagerdutyStandIn()
    (tmp_path / "key").write_text(pagerduty_stand_in.KEY)
    with serving(pager.judge) as stand_in:
        made = channel("pagerduty", tmp_path, url=stand_in.url, key={"file": "key"})
        for event, state in (
            (Event.TRIGGER, "trigger"),
            (Event.ACKNOWLEDGE, "acknowledge"),
            (Event.RESOLVE, "resolve"),
        ):
            made.send(message(event), "delivery", 5)
            assert pager.alerts == {"alert 17": state}
        made.send(message(Event.TEST, key="test 1"), "delivery", 5)
        assert pager.alerts["test 1"] == "resolve", "a test leaves nothing open"
        made.send(message(Event.NOTICE, key="summary"), "delivery", 5)
        assert "summary" not in pager.alerts, "a summary pages nobody"
        assert pager.changes == 1
        told = stand_in.taken[0].data
    assert told["payload"]["severity"] == "critical"
    assert told["payload"]["custom_details"]["Since"] == "03:08 (4 min ago)"
    assert told["links"][0]["text"] == "Acknowledge"


def test_a_key_that_is_too_long_for_pagerduty_is_the_same_each_time() -> None:
    assert pagerduty.dedup_key("x" * 256) == pagerduty.dedup_key("x" * 256) != pagerduty.dedup_key("y" * 256)
    assert pagerduty.dedup_key("x" * 255) == "x" * 255


def test_a_webhook_is_told_the_same_key_with_each_try(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(WEBHOOK_SECRET)
    with serving(webhook_judge) as stand_in:
        (tmp_path / "url").write_text(f"{stand_in.url}/hook")
        made = channel("webhook", tmp_path, url={"file": "url"}, secret={"file": "secret"}, headers={"X-Team": "shop"})
        stand_in.faults.append(Reply(500))
        with pytest.raises(Exception, match="500"):
            made.send(message(), "delivery 1", 5)
        made.send(message(), "delivery-1", 5)
        made.send(message(), "delivery with spaces \r\n", 5)
    first, second = (one.headers for one in stand_in.taken)
    assert first["idempotency-key"] == "delivery-1"
    assert len(second["idempotency-key"]) == 64
    assert first["x-team"] == "shop"


def test_a_summary_of_many_says_how_many_more(tmp_path: Path) -> None:
    told = json.dumps(teams.payload(enormous()))
    assert "Cut short" in told
    assert len(slack.payload(enormous())["blocks"]) <= 50
    assert slack.payload(message())["text"] == "CRITICAL shop/production: db does not answer"
    assert AT.strftime("%H:%M") in json.dumps(slack.payload(message()))


def test_what_mentions_in_slack_and_discord_is_text() -> None:
    told: Any = slack.payload(message(text="<!channel> & <@U1>"))
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in json.dumps(told)
    shown = discord.payload(message(text="@everyone [a](https://evil.example)"))["embeds"][0]["description"]
    assert "\\@everyone \\[a\\]\\(https" in shown


def test_a_group_of_telegram_that_became_a_supergroup_tells_its_new_number(tmp_path: Path) -> None:
    told = {"ok": False, "description": "Bad Request: group chat was upgraded to a supergroup chat"}
    with serving(telegram_stand_in.judge) as stand_in:
        (tmp_path / "token").write_text(telegram_stand_in.TOKEN)
        made = channel("telegram", tmp_path, token={"file": "token"}, chat=-17, server=stand_in.url)
        stand_in.faults.append(Reply(400, json.dumps({**told, "parameters": {"migrate_to_chat_id": -1001}})))
        with pytest.raises(RejectedError, match="upgraded") as caught:
            made.send(message(), "delivery", 5)
        assert "chat: -1001" in caught.value.hint


def test_a_token_with_a_line_break_in_it_becomes_no_header(tmp_path: Path) -> None:
    with serving(ntfy_stand_in.judge) as stand_in:
        (tmp_path / "topic").write_text("shop")
        (tmp_path / "token").write_text("tk_Secret\r\nX-Evil: 1")
        made = channel("ntfy", tmp_path, topic={"file": "topic"}, token={"file": "token"}, server=stand_in.url)
        with pytest.raises(RejectedError, match="token has characters") as caught:
            made.send(message(), "delivery", 5)
        assert "Secret" not in str(caught.value)
        assert not stand_in.taken and not stand_in.refused
