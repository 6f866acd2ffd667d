"""A real daemon that is killed in the middle of an escalation, and one that goes on; messages come to a real receiver."""

import contextlib
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.real.serve.running import Place, place, until

CONFIG = """\
channels: {{chat: {{kind: webhook, url: {{file: hook}}}}}}
people: {{anna: {{channels: [chat]}}}}
oncall: {{primary: {{people: [anna]}}}}
incidents:
  severities:
    P1:
      respond: 15m
      escalate: [{{after: 0s, to: [primary]}}, {{after: {second}, to: [chat]}}, {{after: {third}, to: [primary]}}]
"""


@dataclass
class Receiver:
    """What a webhook was sent."""

    port: int = 0
    got: list[dict[str, Any]] = field(default_factory=list)

    @contextlib.contextmanager
    def open(self) -> Iterator["Receiver"]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.got.append({**body, "idempotency": self.headers["Idempotency-Key"]})
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def keys(self, event: str) -> list[str]:
        """The deliveries of an event, each once."""
        return list(dict.fromkeys(one["idempotency"] for one in self.got if one["event"] == event))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().open() as opened:
        yield opened


@contextlib.contextmanager
def app(folder: Path, receiver: Receiver, second: str, third: str) -> Iterator[Place]:
    with place(folder) as made:
        made.extra = CONFIG.format(second=second, third=third)
        made.write()
        (folder / "hook").write_text(f"http://127.0.0.1:{receiver.port}/\n")
        (folder / "hook").chmod(0o600)
        yield made


def steps(app: Place) -> list[tuple[int, bool, bool]]:
    """The levels: which, whether carried out, whether called off."""
    found = app.client.call("GET", "/api/incidents/1")["levels"]
    return [(one["level"], one["done"] is not None, one["stopped"] is not None) for one in found]


def test_f25_kill_9_in_the_middle_loses_no_level_and_repeats_none(tmp_path: Path, receiver: Receiver) -> None:
    """F25: the daemon is killed between two levels and comes back an hour later."""
    with app(tmp_path, receiver, "1m", "1h") as one:
        daemon = one.start()
        one.run("incidents", "open", "The shop is down", "-s", "P1")
        until(lambda: len(receiver.keys("trigger")) == 1, "level 1 has come")
        daemon.kill()
        daemon.wait()
        with contextlib.closing(sqlite3.connect(tmp_path / ".daytwo" / "state.db")) as state:
            # As if it had been down for an hour less a bit, without waiting for that.
            for table, column in (("incident_steps", "due"), ("incidents", "round_began"), ("incidents", "opened")):
                state.execute(
                    f"UPDATE {table} SET {column} = strftime('%Y-%m-%dT%H:%M:%f000Z', {column}, '-50 minutes')"
                )
            state.commit()
        one.start()
        until(lambda: len(receiver.keys("trigger")) == 2, "level 2, which was due meanwhile, has come")
        until(lambda: steps(one) == [(1, True, False), (2, True, False), (3, False, False)], "and is noted")
        remarks = [
            entry["text"]
            for entry in one.client.call("GET", "/api/incidents/1")["timeline"]
            if entry["what"] == "remark"
        ]
        assert len(remarks) == 1 and re.match(r"level 2 comes (48|49|50) min late", remarks[0]), remarks
        assert [person["name"] for message in receiver.got for person in message["to"]][:1] == ["anna"]
        one.run("incidents", "ack", "1")
        until(lambda: len(receiver.keys("acknowledge")) == 2, "who was told hears that somebody has it")
        assert steps(one) == [(1, True, False), (2, True, False), (3, False, True)]
        assert len(receiver.keys("trigger")) == 2


def test_f25_killed_again_and_again_each_level_comes_once(tmp_path: Path, receiver: Receiver) -> None:
    """F25: the daemon is killed just after each level, when its message may or may not have been noted as sent."""
    with app(tmp_path, receiver, "1s", "2s") as one:
        daemon = one.start()
        one.run("incidents", "open", "The shop is down", "-s", "P1")
        for wanted in (1, 2, 3):
            until(lambda wanted=wanted: len(receiver.keys("trigger")) >= wanted, f"level {wanted} has come")  # type: ignore[misc]
            daemon.kill()
            daemon.wait()
            daemon = one.start()
        until(lambda: all(done for _, done, _ in steps(one)), "all are carried out")
        events = [one["what"] for one in one.client.call("GET", "/api/incidents/1")["timeline"]]
        assert events.count("escalated") == 3
        assert len(receiver.keys("trigger")) == 3


def test_a_failing_check_becomes_an_incident_that_pages(tmp_path: Path, receiver: Receiver) -> None:
    with app(tmp_path, receiver, "1h", "2h") as one:
        text = one.config.read_text().replace("services: {uploads: {kind: files, path: uploads}}", (
            "services:\n  uploads: {kind: files, path: uploads}\n"
            "  web: {kind: tcp, address: \"127.0.0.1:1\", check: {every: 200ms, timeout: 2s, failures: 2}}"
        )).replace("incidents:\n", "incidents:\n  open: [{services: [web], severity: P1}]\n")  # fmt: skip
        one.config.write_text(text)
        one.start()
        until(
            lambda: any("/incident/" in message["key"] for message in receiver.got), "somebody is told of the incident"
        )
        [incident] = one.client.call("GET", "/api/incidents")
        assert (incident["incident"]["severity"], incident["alerts"]) == ("P1", 1)
        assert incident["incident"]["services"] == ["web"]
        one.run("incidents", "ack", "1")
        [alert] = one.client.call("GET", "/api/incidents/1")["joined"]
        assert alert["subject"] == "web"
