"""nftables in network namespaces of the test's own: a client, a host, and a container behind a published port.

client 198.18.0.2 --- host 198.18.0.1 (port 80 published: DNAT) --- container 10.99.0.2:8000
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import pytest

from daytwo.access.roles import SYSTEM
from daytwo.blockers.nftables import Nftables, NftablesSettings, helper, may_change_rules
from daytwo.core.blocker import network_of, shown
from daytwo.core.service import Place
from daytwo.serve import actor as part
from daytwo.serve.pulse import Pulse
from tests.access.people import Clock, sqlite_url, staged
from tests.parts.need import require, require_root
from tests.respond.acting.conftest import CONFIG, App, config_in

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
SERVER = "import http.server,sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind=sys.argv[2])"
CLIENT = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()"
NAT = """
table ip nat {
  chain prerouting { type nat hook prerouting priority dstnat; tcp dport 80 dnat to 10.99.0.2:8000; }
}
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


class Net:
    """Three namespaces; `host` is where the helper runs."""

    def __init__(self) -> None:
        self.tag = token_hex(3)
        self.client, self.host, self.box = (f"d2-{name}-{self.tag}" for name in ("client", "host", "box"))
        self.servers: list[subprocess.Popen[bytes]] = []

    def begin(self) -> None:
        for one in (self.client, self.host, self.box):
            ip("netns", "add", one)
            ip("-n", one, "link", "set", "lo", "up")
        self._wire(
            self.client, "198.18.0.2/24", "2001:db8:77::2/64", self.host, "198.18.0.1/24", "2001:db8:77::1/64", "a"
        )
        self._wire(self.host, "10.99.0.1/24", "fd00:99::1/64", self.box, "10.99.0.2/24", "fd00:99::2/64", "b")
        ip("-n", self.client, "address", "add", "198.18.0.3/24", "dev", f"a1{self.tag}")
        ip("-n", self.box, "route", "add", "default", "via", "10.99.0.1")
        self.run(self.host, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        subprocess.run(["ip", "netns", "exec", self.host, "nft", "-f", "-"], input=NAT.encode(), check=True, timeout=20)
        self.serve(self.box, 8000, "0.0.0.0")
        self.serve(self.host, 8001, "0.0.0.0")
        self.serve(self.host, 8002, "::")

    def _wire(self, one: str, v4: str, v6: str, other: str, other4: str, other6: str, name: str) -> None:
        first, second = f"{name}1{self.tag}", f"{name}2{self.tag}"
        ip("link", "add", first, "netns", one, "type", "veth", "peer", "name", second, "netns", other)
        for space, link, four, six in ((one, first, v4, v6), (other, second, other4, other6)):
            ip("-n", space, "address", "add", four, "dev", link)
            ip("-n", space, "address", "add", six, "dev", link, "nodad")
            ip("-n", space, "link", "set", link, "up")

    def run(self, space: str, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["ip", "netns", "exec", space, *words], check=False, capture_output=True, text=True, timeout=30
        )

    def serve(self, space: str, port: int, address: str) -> None:
        argv = ["ip", "netns", "exec", space, sys.executable, "-c", SERVER, str(port), address]
        self.servers.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def reaches(self, address: str, port: int) -> bool:
        return self.run(self.client, sys.executable, "-c", CLIENT, address, str(port)).returncode == 0

    def end(self) -> None:
        for one in self.servers:
            one.kill()
            one.wait()
        for space in (self.client, self.host, self.box):
            subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True, timeout=20)


def wait(what: str, condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    require_root("a network namespace")
    require("nft", package="nftables")
    require("ip", package="iproute2")
    made = Net()
    try:
        made.begin()
        for address, port in (("198.18.0.1", 80), ("198.18.0.1", 8001), ("2001:db8:77::1", 8002)):
            wait(f"{address}:{port} answers", lambda address=address, port=port: made.reaches(address, port))
        yield made
    finally:
        made.end()


@pytest.fixture
def blocker(net: Net, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nftables]:
    """The helper, as `sudo` would run it, in the host's namespace."""
    settings = NftablesSettings(
        kind="nftables", by=("ip", "netns", "exec", net.host, sys.executable, "-I"), helper=str(helper())
    )
    monkeypatch.setattr("daytwo.blockers.nftables.may_change_rules", lambda: False)
    yield Nftables(settings, Place(Path(), "shop", "production"))
    net.run(net.host, "nft", "delete", "table", "inet", "daytwo")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    clock = Clock()
    text = CONFIG.replace("blocking: {by: {kind: nftables}", "blocking: {by: {kind: nftables}, private: true")
    config = config_in(tmp_path, text)
    with staged(sqlite_url(tmp_path), clock, config.serve) as stage:
        yield App(stage, config, clock)


def block(one: Nftables, address: str, seconds: float = 600) -> None:
    one.block(network_of(address), NOW + timedelta(seconds=seconds), NOW)


def test_a_published_port_is_cut_off_and_comes_back(net: Net, blocker: Nftables) -> None:
    assert net.reaches("198.18.0.1", 80)
    block(blocker, "198.18.0.2")
    assert not net.reaches("198.18.0.1", 80), "the container's published port"
    assert not net.reaches("198.18.0.1", 8001), "the host's own port"
    blocker.unblock(network_of("198.18.0.2"))
    assert net.reaches("198.18.0.1", 80)


def test_it_ends_by_itself_in_the_kernel(net: Net, blocker: Nftables) -> None:
    block(blocker, "198.18.0.2", 3)
    assert not net.reaches("198.18.0.1", 80)
    wait("it comes back when its time is over", lambda: net.reaches("198.18.0.1", 80))
    assert blocker.blocked(NOW) == ()


def test_ipv6_as_the_network_it_is_in(net: Net, blocker: Nftables) -> None:
    block(blocker, "2001:db8:77::2")
    assert [shown(one.network) for one in blocker.blocked(NOW)] == ["2001:db8:77::/64"]
    assert not net.reaches("2001:db8:77::1", 8002)
    assert net.reaches("198.18.0.1", 80)


def test_again_gives_it_a_new_end_and_changes_nothing_else(net: Net, blocker: Nftables) -> None:
    block(blocker, "198.18.0.9", 60)
    block(blocker, "198.18.0.9", 6000)
    block(blocker, "198.18.0.9", 600)
    (one,) = blocker.blocked(NOW)
    assert one.until is not None and timedelta(seconds=590) < one.until - NOW <= timedelta(seconds=600)
    rules = net.run(net.host, "nft", "list", "chain", "inet", "daytwo", "early").stdout
    assert rules.count("drop") == 2
    blocker.unblock(network_of("198.18.0.9"))
    blocker.unblock(network_of("198.18.0.9"))
    assert blocker.blocked(NOW) == ()


def test_an_open_connection_is_cut_off_as_well(net: Net, blocker: Nftables) -> None:
    program = (
        "import socket,sys; s=socket.create_connection(('198.18.0.1', 80), 5); s.settimeout(2); print('open', flush=True);"
        "sys.stdin.readline(); s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(len(s.recv(9)), flush=True)"
    )
    argv = ["ip", "netns", "exec", net.client, sys.executable, "-c", program]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as client:
        assert client.stdin and client.stdout
        assert client.stdout.readline() == "open\n"
        block(blocker, "198.18.0.2")
        client.stdin.write("\n")
        client.stdin.flush()
        assert client.stdout.readline() == ""
        assert client.wait(10) != 0


def test_nothing_is_blocked_where_nothing_was(blocker: Nftables) -> None:
    assert blocker.blocked(NOW) == ()
    blocker.unblock(network_of("198.18.0.9"))


def test_a_daemon_puts_back_what_a_reboot_or_a_new_rule_set_took_away(
    net: Net, blocker: Nftables, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "blocker_of", lambda config: blocker)
    app.clock.now = datetime.now(UTC)
    with app.stage.database.begin() as connection:
        app.desk.add(connection, "198.18.0.2", timedelta(hours=1), "scans", SYSTEM, app.clock())
    running = part.ActorPart(Pulse(), lambda: app.config, app.stage.writer, app.actor, app.desk, app.clock)
    asyncio.run(running.tick())
    assert not net.reaches("198.18.0.1", 80)
    net.run(net.host, "nft", "delete", "table", "inet", "daytwo")
    assert net.reaches("198.18.0.1", 80)
    app.clock.advance(61)
    asyncio.run(running.tick())
    assert not net.reaches("198.18.0.1", 80)
    (one,) = blocker.blocked(app.clock())
    assert one.until is not None
    assert timedelta(minutes=58) < one.until - app.clock() < timedelta(minutes=60), "and it ends when it was to end"
    with app.stage.database.begin() as connection:
        app.desk.remove(connection, "198.18.0.2", SYSTEM, app.clock())
    asyncio.run(running.tick())
    assert net.reaches("198.18.0.1", 80)


def test_one_capability_is_enough_where_a_unit_lets_no_sudo_through(net: Net) -> None:
    """As in a unit with NoNewPrivileges=yes, a user, and AmbientCapabilities=CAP_NET_ADMIN."""
    require("setpriv", package="util-linux")
    only = ["--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin", "--bounding-set=-all,+net_admin"]
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]

    def helped(*words: str, rights: list[str]) -> "subprocess.CompletedProcess[str]":
        argv = ["ip", "netns", "exec", net.host, *user, *rights, "/usr/bin/python3", "-I", "-", *words]
        return subprocess.run(
            argv, input=helper().read_text(), check=False, capture_output=True, text=True, timeout=30
        )  # fmt: skip

    none = helped("block", "198.18.0.9", "60", rights=["--bounding-set=-all"])
    assert none.returncode == 1 and "not permitted" in none.stderr
    try:
        assert helped("block", "198.18.0.9", "60", rights=only).returncode == 0
        assert helped("list", rights=only).stdout.startswith("198.18.0.9 ")
    finally:
        net.run(net.host, "nft", "delete", "table", "inet", "daytwo")


@pytest.mark.parametrize(
    ("effective", "may"), [("0000000000000000", False), ("0000000000001000", True), ("000001ffffffffff", True)]
)
def test_what_the_kernel_says_of_our_rights(tmp_path: Path, effective: str, may: bool) -> None:
    (tmp_path / "status").write_text(f"Name:\tpython\nCapPrm:\tffff\nCapEff:\t{effective}\n")
    assert may_change_rules(tmp_path / "status") is may
