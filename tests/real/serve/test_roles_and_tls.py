"""Split over two processes, behind TLS, and with its own state in what it backs up."""

import io
import json
import os
import signal
import ssl
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from daytwo.core.errors import BusyError, DaytwoError, RefusedError, UnreachableError, UsageError
from tests.real.serve.running import Place, place, until


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made.write()


def test_one_process_answers_and_another_works(shop: Place) -> None:
    shop.start("--roles", "web")
    taken = shop.client.call("POST", "/api/schedules/nightly/run")
    assert shop.outcomes() == ["queued"], "whoever only answers does not begin it"
    second = shop.spawn("--roles", "work,probe")
    seen = [(name, data.get("outcome")) for name, data in shop.client.events(taken["events"])]
    assert seen[-1] == ("end", "succeeded")
    assert shop.runs()[0]["via"] == "socket"
    assert "role web runs already" in shop.run("serve", "--roles", "web", code=75).stderr
    assert second.poll() is None


def test_a_key_that_would_not_reach_who_needs_it_is_not_taken(shop: Place) -> None:
    """Verified without it, a secret component was "not read", and all was well."""
    shop.start("--roles", "web")
    shop.spawn("--roles", "work,probe")
    order = {"snapshot": "latest", "keys": ["AGE-SECRET-KEY-1"]}
    with pytest.raises(RefusedError, match="cannot hand a recovery key"):
        shop.client.call("POST", "/api/verifications", order)
    assert shop.runs() == []


def test_tls_with_the_files_of_the_configuration(shop: Place) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", shop.folder / "key.pem", "-out", shop.folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    text = shop.config.read_text().replace("serve: {", "serve: {tls: {cert: cert.pem, key: key.pem}, ")
    shop.config.write_text(text)
    shop.start()
    address = str(shop.web.base_url)
    assert address.startswith("https://")
    trusted = ssl.create_default_context(cafile=str(shop.folder / "cert.pem"))
    answer = httpx.get(f"{address}/api/health", verify=trusted)
    assert answer.json() == {"data": {"status": "ok"}}
    assert "max-age" in answer.headers["strict-transport-security"]
    with pytest.raises(httpx.TransportError):
        httpx.get(address.replace("https", "http") + "/api/health")


def test_its_own_state_goes_along_and_the_trail_ends_in_the_manifest(shop: Place) -> None:
    shop.start()
    shop.run("backup")
    shown = shop.json("snapshots", "show", "latest")
    assert sorted(shown["components"]) == ["daytwo-state.sqlite", "uploads.tar"]
    assert [head["chain"] for head in shown["manifest"]["audit"]] == ["internal"]
    shop.run("audit", "verify")
    copy = shop.folder / "copy.db"
    refused = shop.run("restore", "--service", "daytwo-state", "--yes", code=2)
    assert "cannot be replaced while daytwo works with it" in refused.stderr
    shop.run("restore", "--service", "daytwo-state", "--into", f"daytwo-state.path={copy}", "--yes")
    assert copy.stat().st_size > 10_000
    shop.run("restore", "--yes")
    assert shop.runs()[0]["outcome"] == "succeeded", "what brings everything back leaves the state alone"


def test_a_backup_can_leave_the_state_out(shop: Place) -> None:
    shop.config.write_text(shop.config.read_text().replace("floor: 1MB", "floor: 1MB, state: false"))
    shop.start()
    shop.run("backup")
    assert shop.json("snapshots", "show", "latest")["components"] == ["uploads.tar"]


def test_json_lines_without_secrets(shop: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PING", "http://127.0.0.1:9/very-secret-path")
    shop.config.write_text(
        shop.config.read_text().replace("serve: {", "serve: {log: json, ping: {env: PING}, ping_every: 1s, ")
    )
    shop.start()
    detailed = until(
        lambda: [
            one for one in shop.client.call("GET", "/api/monitoring/health/detailed")["problems"] if "heart" in one
        ],
        "the ping that fails is told of",
    )
    assert "very-secret-path" not in str(detailed) + shop.log
    lines = [json.loads(line) for line in shop.log.splitlines()]
    assert any("/welcome/" in one["message"] for one in lines)
    assert {"at", "level", "area", "message"} <= set(lines[0])


def test_a_piece_of_a_snapshot_is_downloaded(shop: Place) -> None:
    (shop.folder / "uploads" / "large").write_bytes(large := os.urandom(5_000_000))
    shop.start()
    shop.run("backup")

    def take(**body: object) -> bytes:
        return b"".join(shop.client.download("/api/snapshots/latest/extract", "POST", body))

    assert take(component="uploads.tar", item="a.txt") == b"hello"
    assert take(component="uploads", item="large") == large
    with tarfile.open(fileobj=io.BytesIO(take(component="uploads"))) as tar:
        assert any(name.endswith("a.txt") for name in tar.getnames())
    [event, *_] = shop.json("audit", "list", "--action", "snapshot.extract")
    assert (event["actor"], event["via"], event["detail"]["component"]) == ("root", "socket", "uploads.tar")
    with pytest.raises(UsageError, match="holds no nothing"):
        take(component="nothing")
    with pytest.raises(DaytwoError, match=r"b\.txt"):
        take(component="uploads.tar", item="b.txt")
    assert not shop.children()


def test_a_download_that_nobody_reads_to_its_end_leaves_nothing_behind(shop: Place) -> None:
    (shop.folder / "uploads" / "large").write_bytes(os.urandom(30_000_000))
    shop.start()
    shop.run("backup")
    body = {"component": "uploads", "item": "large"}
    pieces = [shop.client.download("/api/snapshots/latest/extract", "POST", body) for _ in range(3)]
    assert all(next(one) for one in pieces[:2])
    with pytest.raises(BusyError, match="downloads are on their way"):
        next(pieces[2])
    assert shop.client.call("POST", "/api/snapshots/refresh"), "questions are answered meanwhile"
    for one in pieces[:2]:
        one.close()
    until(lambda: not shop.children(), "the children have ended")
    assert next(shop.client.download("/api/snapshots/latest/extract", "POST", body))


def test_a_download_that_breaks_off_is_not_taken_for_whole(shop: Place) -> None:
    (shop.folder / "uploads" / "large").write_bytes(os.urandom(30_000_000))
    shop.start()
    shop.run("backup")
    pieces = shop.client.download("/api/snapshots/latest/extract", "POST", {"component": "uploads", "item": "large"})
    next(pieces)
    for child in shop.children():
        os.kill(child, signal.SIGKILL)
    with pytest.raises(UnreachableError):
        list(pieces)


def test_the_first_link_is_not_in_the_journal(shop: Place) -> None:
    log = shop.folder / "serve.log"
    log.touch()
    told = f"{log.stat().st_dev}:{log.stat().st_ino}"  # a stand-in for systemd, which connects a socket
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNAL_STREAM", told)
        shop.start()
    file = shop.folder / ".daytwo" / "first-admin-link"
    assert "/welcome/" not in shop.log and str(file) in shop.log
    assert file.stat().st_mode & 0o777 == 0o600
    path = "/welcome/" + file.read_text().strip().rpartition("/")[2]
    assert shop.web.get(path).status_code == 200
    given = {"name": "alice", "password": "correct horse battery", "again": "correct horse battery"}
    assert shop.web.post(path, data=given).status_code == 303
    assert shop.web.get(path).status_code == 404
    until(lambda: not file.exists(), "the file is removed")


def test_questions_are_answered_by_a_child(shop: Place) -> None:
    shop.start()
    shop.run("backup")
    id = shop.client.call("GET", "/api/snapshots")[0]["id"]
    assert shop.client.call("GET", f"/api/snapshots/{id}")["manifest"]["id"] == id
    assert shop.client.call("GET", f"/api/snapshots/{id}/diff/latest") == []
    assert shop.client.call("POST", f"/api/snapshots/{id}/pin", {"note": "release"})[0]["mark"] == "pinned"
    assert shop.client.call("POST", "/api/snapshots/refresh")[0]["pinned"] is True
    assert shop.client.call("POST", "/api/snapshots/latest/unpin")[0]["id"] == id
    assert shop.client.call("GET", "/api/audit?action=snapshot.unpin")[0]["subject"] == id
    assert shop.client.call("POST", "/api/prunes/plan", {})[0]["decisions"][0]["kept"] is True
    assert shop.client.call("POST", "/api/restores/plan", {})["plan"]["snapshot"] == id
    assert {one["verdict"] for one in shop.client.call("GET", "/api/doctor")} <= {"ok", "warning", "failed"}
    actions = [one["action"] for one in shop.json("audit", "list")]
    assert "snapshot.pin" in actions
    with pytest.raises(Exception, match="there is no snapshot"):
        shop.client.call("GET", "/api/snapshots/ffffffff")
