"""Apprise, by its own JSON plug-in, to a receiver that is there."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.channels import apprise
from daytwo.core.channel import UnavailableError
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


def test_f21_what_did_not_work_is_never_given_up_by_itself(tmp_path: Path) -> None:
    """F21: Apprise says the same of a wrong address and of a server that is down for half an hour."""
    with serving(judge) as stand_in:
        (tmp_path / "url").write_text(stand_in.url.replace("http", "json", 1) + "/elsewhere")
        made = channel("apprise", tmp_path, url={"file": "url"})
        for _ in range(9):
            with pytest.raises(UnavailableError):
                made.send(message(), "delivery", 5)


def test_while_a_try_hangs_no_other_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outbox makes the channel anew for each try."""
    (tmp_path / "url").write_text("json://127.0.0.1:9/SecretSecretSecretSecret")
    begun, goes_on = [], threading.Event()

    class Hangs:
        def notify(self, **message: object) -> bool:
            begun.append(message)
            return goes_on.wait(20)

    monkeypatch.setattr(apprise.Apprise, "_target", lambda self, url: Hangs())

    def send(timeout: float) -> None:
        channel("apprise", tmp_path, url={"file": "url"}).send(message(), "delivery", timeout)

    with pytest.raises(UnavailableError, match="not done within"):
        send(0.2)
    with pytest.raises(UnavailableError, match="hangs still"):
        send(0.2)
    assert len(begun) == 1
    goes_on.set()
    deadline = time.monotonic() + 20
    while len(begun) == 1 and time.monotonic() < deadline:
        with contextlib.suppress(UnavailableError):
            send(5)
    assert len(begun) == 2
