"""Kind `host`: this machine, and what Linux writes under /proc."""

import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from daytwo.core.check import Check, Observation, Verdict
from daytwo.core.errors import UnreachableError
from daytwo.core.service import AnyService, Place
from daytwo.services.host import Host, HostSettings, proc
from daytwo.services.host.clock import _told, ask_ntp
from tests.contract.checks import CheckCase, CheckContract, ask
from tests.services.watched import named

pytestmark = pytest.mark.slow

NTP_FROM = 2208988800


def host(**settings: object) -> Host:
    return Host("host", HostSettings.model_validate({"kind": "host", **settings}), Place(Path("/"), "shop", "test"))


class HostCase(CheckCase):
    sometimes = frozenset({"swap", "disk_read", "disk_written", "failed_units", "oom_kills", "offset", "inodes"})
    """What a machine without swap, disks of its own or systemd does not have."""

    def good(self) -> list[AnyService]:
        return [host()]

    def broken(self) -> list[AnyService]:
        return []

    def absent(self) -> list[AnyService]:
        return [host(ssh="daytwo-no-such-host.invalid")]

    def fails(self, check: Check) -> bool:
        return check.name == "host"

    def slow(self) -> list[AnyService]:
        return []


class TestHost(CheckContract):
    @pytest.fixture
    def case(self) -> HostCase:
        return HostCase()


def test_the_second_look_takes_the_time_since_the_first(tmp_path: Path) -> None:
    check = named(host())
    first = ask(check, tmp_path)
    second = ask(check, tmp_path)
    assert 0 <= second.numbers["cpu"] <= 1 and first.numbers["duration"] >= 0.5 > second.numbers["duration"]
    worst = max(value for name, value in second.numbers.items() if name.startswith("disk:"))
    assert second.numbers["disk"] == worst
    assert {one.name for one in check.measures} >= set(second.numbers)


def test_what_is_ignored_is_not_looked_at(tmp_path: Path) -> None:
    check = named(host())
    ask(check, tmp_path)
    folders = [name.removeprefix("disk:") for name in ask(check, tmp_path).numbers if name.startswith("disk:")]
    ignoring = named(host(ignore=folders[:1]))
    assert f"disk:{folders[0]}" not in ask(ignoring, tmp_path).numbers


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.skipif(
    not (Path("/dev/loop-control").exists() and shutil.which("mkfs.ext4")), reason="needs a loop device"
)
def test_a_file_system_that_nobody_can_write_to_any_more(tmp_path: Path) -> None:
    """As the kernel makes one of it when the disk has errors: its mounts stay as they were, it does not."""
    image, first, second = tmp_path / "image", tmp_path / "fir st", tmp_path / "second"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    first.mkdir()
    second.mkdir()
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, first], check=True)
    try:
        assert ask(named(host()), tmp_path).numbers["read_only"] == 0
        subprocess.run(["mount", "--bind", first, second], check=True)
        subprocess.run(["mount", "-o", "remount,ro", second], check=True)
        found = ask(named(host()), tmp_path)
        assert (found.numbers["read_only"], found.facts["read_only"]) == (1, str(first))
        assert ask(named(host(ignore=[f"{tmp_path}/*"])), tmp_path).numbers["read_only"] == 0
        subprocess.run(["mount", "-o", "remount,ro", first], check=True)
        assert ask(named(host()), tmp_path).numbers["read_only"] == 0, "somebody wants it so"
    finally:
        subprocess.run(["umount", "--lazy", second], check=False)
        subprocess.run(["umount", "--lazy", first], check=False)


def test_a_reboot_is_noticed_by_the_daemon_that_comes_after(tmp_path: Path) -> None:
    before = ask(named(host()), tmp_path)
    assert before.numbers["reboots"] == 0 and "rebooted" not in before.facts
    same = named(host())
    same.recall(before)
    assert ask(same, tmp_path).numbers["reboots"] == 0
    other = named(host())
    other.recall(Observation.ok({"reboots": 4}, {"boot": "of another start"}))
    found = ask(other, tmp_path)
    assert found.numbers["reboots"] == 5 and found.facts["rebooted"].endswith("ago")
    again = ask(other, tmp_path)
    assert again.numbers["reboots"] == 5 and "rebooted" not in again.facts


STAT = "cpu  100 10 40 800 30 5 15 0 7 0\ncpu0 1 1 1\ncpu1 1 1 1\nintr 5\n"


def test_processor_time_by_what_it_went_to() -> None:
    before = proc.read_cpu(STAT)
    after = proc.read_cpu("cpu  140 10 45 840 40 5 15 5 7 0\ncpu0\n")
    assert before and after and before.count == 2 and before.busy == 170
    assert after.since(before) == {"cpu": 0.45, "iowait": 0.1, "steal": 0.05}
    assert before.since(before) == {}
    assert before.since(replace(after)) == {}, "it was started anew"
    assert proc.read_cpu("") is None


def test_memory_and_swap() -> None:
    text = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 250 kB\nSwapTotal: 200 kB\nSwapFree: 50 kB\n"
    assert proc.read_memory(text) == {"memory": 0.75, "memory_available": 256000, "swap": 0.75}
    old = "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 350 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
    assert proc.read_memory(old) == {"memory": 0.5, "memory_available": 512000}


def test_bytes_of_disks_and_networks_are_counted_once() -> None:
    disks = "8 0 sda 1 0 100 0 1 0 50 0 0 0 0\n8 1 sda1 1 0 90 0 1 0 40 0 0 0 0\n253 0 dm-0 1 0 80 0 1 0 30 0 0 0 0\n"
    assert proc.read_disks(disks, ["sda"]) == {"disk_read": 51200, "disk_written": 25600}
    assert proc.read_disks(disks, ["*"]) == {}
    lines = ("lo: 9 0 0 0 0 0 0 0 9 0", "eth0: 10 0 0 0 0 0 0 0 20 0", "docker0:5 0 0 0 0 0 0 0 5 0")
    net = "Inter-| Receive\n face |bytes\n" + "\n".join(lines)
    assert proc.read_network(net, ["eth0"]) == {"received": 10, "sent": 20}
    assert proc.read_network(net, ["*"]) == {"received": 15, "sent": 25}, "in a container no interface is physical"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("chrony C0,ntp.x,3,1.2,0.000123,0.1,0.1,1,0,0,0.1,0.1,64.2,Normal", ("yes", 0.000123)),
        ("chrony 0,,0,0.0,0.0,0.0,0.0,0,0,0,1.0,1.0,0.0,Not synchronised", ("no", None)),
        ("systemd yes", ("yes", None)),
        ("systemd no", ("no", None)),
        ("systemd ", ("unknown", None)),
        ("unknown", ("unknown", None)),
    ],
)
def test_what_keeps_the_clock_right(line: str, expected: tuple[str, float | None]) -> None:
    assert _told(line) == expected


@contextmanager
def stand_in_time_server(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A stand-in for a time server: answers each datagram as told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.settimeout(0.1)
        ending = threading.Event()

        def serve() -> None:
            while not ending.is_set():
                try:
                    asked, who = line.recvfrom(512)
                except TimeoutError:
                    continue
                line.sendto(answer(asked), who)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{line.getsockname()[1]}"
        finally:
            ending.set()
            thread.join()


def ahead(seconds: float, *, stratum: int = 2, first: int = 0b00_100_100) -> Callable[[bytes], bytes]:
    """An answer of a server whose clock is so many seconds ahead of ours."""

    def answer(asked: bytes) -> bytes:
        now = time.time() + seconds
        stamp = struct.pack("!II", int(now + NTP_FROM) % 2**32, int(now % 1 * 2**32))
        return bytes([first, stratum]) + bytes(22) + asked[40:48] + stamp + stamp

    return answer


@pytest.mark.parametrize("seconds", [0.0, 5.0, -3600.0])
def test_the_clock_is_compared_with_a_time_server(tmp_path: Path, seconds: float) -> None:
    with stand_in_time_server(ahead(seconds)) as server:
        assert ask_ntp(server, 2) == pytest.approx(-seconds, abs=0.5)
        found = ask(named(host(ntp=server), "host.clock"), tmp_path)
    assert found.verdict is Verdict.OK
    assert found.numbers["offset"] == pytest.approx(abs(seconds), abs=0.5)


@pytest.mark.parametrize(
    "answer",
    [
        lambda asked: b"",
        lambda asked: b"\x24" * 20,
        lambda asked: bytes(48),
        lambda asked: ahead(0)(bytes(48)),
        ahead(0, stratum=0),
        ahead(0, stratum=16),
        ahead(0, first=0b11_100_100),
        ahead(0, first=0b00_100_011),
    ],
)
def test_what_is_no_time_is_no_answer(answer: Callable[[bytes], bytes], tmp_path: Path) -> None:
    with stand_in_time_server(answer) as server:
        with pytest.raises(UnreachableError):
            ask_ntp(server, 1)
        assert ask(named(host(ntp=server), "host.clock"), tmp_path).verdict is Verdict.INCONCLUSIVE


def test_a_time_server_that_is_silent_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        begun = time.monotonic()
        found = ask(named(host(ntp=f"127.0.0.1:{silent.getsockname()[1]}"), "host.clock"), tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE and time.monotonic() - begun < 5


@pytest.mark.parametrize("block", [{"container": "x"}, {"container_user": "x"}, {"ntp": "http://x/"}, {"ntp": "-x"}])
def test_settings_that_make_no_sense_are_refused(block: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        host(**block)
