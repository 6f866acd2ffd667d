"""F36: who is never shut out because of where they are."""

import socket
import threading
from pathlib import Path

import pytest

from daytwo.config import Config
from daytwo.core.blocker import network_of, shown
from daytwo.core.errors import RefusedError
from daytwo.respond.actions import neighbours
from daytwo.respond.actions.neighbours import RECORD, Names, logins, proxies, servers, ssh_client
from daytwo.store.tables import acts
from tests.respond.acting.conftest import CONFIG, App, config_in

AROUND = """\
serve: {trusted_proxies: [203.0.113.81, 198.18.7.9/24]}
"""
SERVICES = """\
services:
  db: {kind: postgres, host: 203.0.113.82}
  web: {kind: http, url: "https://shop.example.test:8443/health"}
  files: {kind: files, path: /srv, ssh: deploy@203.0.113.84}
"""
WHY = {
    "127.0.0.1": "loopback",
    "192.168.1.7": "private network",
    "198.51.100.3": "blocking.allow",
    "192.0.2.7": "ada used this daemon",
    "203.0.113.80": "where root is logged in from",
    "203.0.113.81": "serve.trusted_proxies",
    "198.18.7.200": "serve.trusted_proxies",
    "203.0.113.82": "the server of service db",
    "203.0.113.83": "the server of service web",
    "2001:db8:83::1": "the server of service web",
    "203.0.113.84": "the server of service files",
}


def around_in(folder: Path) -> Config:
    return config_in(folder, CONFIG.replace("services:\n  data: {kind: files, path: ./data}\n", SERVICES) + AROUND)


def look_up(host: str) -> list[str]:
    if host == "shop.example.test":
        return ["203.0.113.83", "2001:db8:83::7"]
    raise socket.gaierror("not known")


def test_f36_the_administrator_keeps_every_way_in(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F36: an auto-block locked out the administrator. Neither they nor what they come through is ever shut out."""
    app.config = around_in(tmp_path)
    app.stage.user("ada")
    app.stage.login("ada")  # from 192.0.2.7
    monkeypatch.setattr(neighbours, "logins", lambda: (("203.0.113.80", "root"),))
    app.desk._names = Names(look_up)
    app.desk.look()
    for address in WHY:
        app.finding("auth_failure", address)
    app.act()
    assert app.blocked() == []
    found = {one.about: one.reason for one in app.rows(acts)}
    for number, (address, why) in enumerate(WHY.items(), 1):
        assert why in found[f"finding {number}"], address
    app.finding("auth_failure", "203.0.113.99")
    app.act()
    assert app.blocked() == ["203.0.113.99"], "and yet a stranger is"


def test_who_is_logged_in_is_read_from_logind_and_from_utmp(tmp_path: Path) -> None:
    sessions, processes = tmp_path / "sessions", tmp_path / "proc"
    (processes / "7").mkdir(parents=True)
    sessions.mkdir()
    (sessions / "3").write_text("# private\nUSER=ada\nACTIVE=1\nREMOTE=1\nREMOTE_HOST=203.0.113.5\n")
    (sessions / "4").write_text("USER=ben\nREMOTE=0\n")
    (sessions / "4.ref").symlink_to("nowhere")

    def record(kind: int, process: int, user: bytes, address: bytes) -> bytes:
        return RECORD.pack(kind, process, b"pts/0", b"ts/0", user, b"", 0, 0, 0, 0, 0, address)

    four, six = socket.inet_aton("203.0.113.6"), socket.inet_pton(socket.AF_INET6, "2001:db8::6")
    rows = [
        (7, 7, b"root", four),
        (7, 7, b"eve", six),
        (7, 8, b"gone", four),
        (6, 7, b"trying", four),
        (7, 7, b"x", b""),
    ]
    (tmp_path / "utmp").write_bytes(b"".join(record(*one) for one in rows) + b"half a record")
    found = logins(tmp_path / "utmp", sessions, processes)
    assert found == (("203.0.113.6", "root"), ("2001:db8::6", "eve"), ("203.0.113.5", "ada"))
    assert logins(tmp_path / "none", tmp_path / "none") == ()


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({"SSH_CONNECTION": "203.0.113.5 51234 10.0.0.1 22"}, "203.0.113.5"),
        ({"SSH_CLIENT": "2001:db8::1 51234 22"}, "2001:db8::1"),
        ({}, ""),
    ],
)
def test_sshd_tells_from_where(environ: dict[str, str], address: str) -> None:
    assert ssh_client(environ) == address


def test_hosts_are_found_in_settings_of_all_forms(tmp_path: Path) -> None:
    config = config_in(
        tmp_path,
        """\
app: shop
services:
  db: {kind: postgres, host: db.internal}
  web: {kind: http, url: "https://shop.example:8443/x?y"}
  mail: {kind: tcp, address: "[2001:db8::25]:25"}
  local: {kind: files, path: /srv}
repositories:
  cloud: {kind: restic, url: "s3:https://s3.example.com/bucket", password: {env: P}}
  other: {kind: restic, url: "sftp:backup@box.example:/srv", password: {env: P}}
  near: {kind: restic, url: /srv/restic, password: {env: P}}
channels:
  post: {kind: email, host: mail.example, from: a@b.example}
""",
    )
    assert servers(config) == {
        "db.internal": "service db", "shop.example": "service web", "2001:db8::25": "service mail",
        "s3.example.com": "repository cloud", "box.example": "repository other", "mail.example": "channel post",
    }  # fmt: skip
    assert proxies(config) == ()


def test_a_name_server_that_hangs_holds_nobody_and_what_was_known_stays_known() -> None:
    now, over, asked = [0.0], threading.Event(), []

    def look(host: str) -> list[str]:
        asked.append(host)
        if len(asked) == 2:
            over.wait(20)
            raise OSError("no answer")
        return ["203.0.113.83"]

    names = Names(look, lambda: now[0])
    names.learn(["shop.example", "203.0.113.9"], 10)
    names.learn(["shop.example"], 10)
    assert asked == ["shop.example"], "an address is known by itself, a name for a while"
    now[0] = 301
    names.learn(["shop.example"], 0.01)
    names.learn(["shop.example"], 0.01)
    assert [shown(one) for one in names.known("shop.example")] == ["203.0.113.83"]
    over.set()
    names.learn(["shop.example"], 10)
    assert asked == ["shop.example", "shop.example"], "it is asked once at a time"
    assert names.known("shop.example") == (network_of("203.0.113.83"),)
    assert names.known("203.0.113.9") == (network_of("203.0.113.9"),)
    assert names.known("elsewhere.example") == ()


def test_by_hand_the_guards_are_the_same(app: App, tmp_path: Path) -> None:
    from tests.respond.acting.test_blocks import add

    app.config = around_in(tmp_path)
    with pytest.raises(RefusedError, match="the server of service db"):
        add(app, "203.0.113.82")
