"""Apprise, by its own JSON plug-in, to a receiver that is there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.channels import apprise
from daytwo.core.channel import RejectedError, UnavailableError
from tests.channels.http_case import HttpCase, Settings, channel
from tests.channels.messages import message
from tests.channels.stand_in import Reply, Request, closed_port, serving
from tests.contract.channels import ChannelContract

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what Apprise imports


def judge(request: Request) -> Reply:
    """Takes what Apprise's plug-in `json://` posts."""
    data = json.loads(request.body)
    assert data["title"] and data["message"] and data["type"] in ("info", "success", "warning", "failure")
    return Reply(200 if request.path == "/SecretSecretSecretSecret" else 404)


class AppriseCase(HttpCase):
    kind, secret = "apprise", "url"
    secrets = ("SecretSecretSecretSecret",)
    abandons = True

    def settings(self, base: str) -> Settings:
        return {"url": self.put("url", f"{base.replace('http', 'json', 1)}/SecretSecretSecretSecret")}

    def wrong(self) -> Settings:
        return {"url": self.put("wrong", "nosuchservice://SecretSecretSecretSecret")}

    def fail(self, how: str) -> object:
        return None if how in ("busy", "dated", "refused", "moved") else super().fail(how)


class TestApprise(ChannelContract):
    """The contract; of a refusal Apprise does not say why."""

    @pytest.fixture
    def case(self, tmp_path: Path) -> Iterator[AppriseCase]:
        with serving(judge) as stand_in, closed_port() as closed:
            yield AppriseCase(stand_in, closed, tmp_path)


def test_it_gives_up_after_some_tries_of_the_same(tmp_path: Path) -> None:
    with serving(judge) as stand_in:
        (tmp_path / "url").write_text(stand_in.url.replace("http", "json", 1) + "/elsewhere")
        made = channel("apprise", tmp_path, url={"file": "url"})
        for _ in range(apprise._TRIES - 1):
            with pytest.raises(UnavailableError):
                made.send(message(), "delivery", 5)
        with pytest.raises(RejectedError):
            made.send(message(), "delivery", 5)
        with pytest.raises(UnavailableError):
            made.send(message(), "another", 5)
