"""Figures of control groups of both versions, of interfaces and of `docker stats`."""

from dataclasses import replace

import pytest

from daytwo.core.containers.figures import _sorted_out
from daytwo.core.containers.listing import Container
from daytwo.core.containers.told import parse
from daytwo.core.containers.usage import MEMINFO, Usage, group_of, usage

ID = "ca8a7082653dafc214ecc697553edfca6e2e4bb217a710a2faf9bd4c8095fa54"
WEB = Container(ID, "web", "running", 4242)
V1 = f"""9:name=systemd:/docker/{ID}
8:pids:/docker/{ID}
7:blkio:/docker/{ID}
4:memory:/docker/{ID}
2:cpu,cpuacct:/docker/{ID}
0::/docker/{ID}
"""
V2 = f"0::/system.slice/docker-{ID}.scope\n"
NET = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9999999      11    0    0    0     0          0         0  9999999       0    0    0    0     0       0          0
  eth0:     946      11    0    0    0     0          0         0       70       1    0    0    0     0       0          0
  eth1:1000000000000  1    0    0    0     0          0         0        5       1    0    0    0     0       0          0
"""


def read(told: str, files: dict[str, str], one: Container = WEB) -> Usage:
    group = group_of(one, told)
    assert group is not None
    texts = {path: files[what] for what, path in group.paths.items() if what in files}
    return usage(one, group, {**texts, MEMINFO: "MemTotal:       1000 kB\n"}, 77.0, 5.0)


def test_version_1_is_read() -> None:
    files = {
        "cpu": "1500000000\n",
        "memory": "1000000\n",
        "memory.stat": "cache 5\ninactive_file 1\ntotal_inactive_file 400000\n",
        "disk": "8:0 Read 100\n8:0 Write 200\n8:0 Sync 300\n8:0 Total 300\n8:16 Read 1\n8:16 Write 2\nTotal 303\n",
        "pids": "7\n",
        "network": NET,
    }
    assert read(V1, files) == Usage(
        5.0, 1.5, None, 600_000, 1_024_000, 1_000_000_000_946, 75, 101, 202, 7, 77.0
    )  # fmt: skip
    assert group_of(WEB, V1).paths["cpu"] == f"/sys/fs/cgroup/cpuacct/docker/{ID}/cpuacct.usage"  # type: ignore[union-attr]


def test_version_2_is_read() -> None:
    files = {
        "cpu": "usage_usec 1500000\nuser_usec 1\n",
        "memory": "1000000\n",
        "memory.stat": "anon 5\ninactive_file 400000\n",
        "disk": "8:0 rbytes=100 wbytes=200 rios=1 wios=2 dbytes=0 dios=0\n259:0 rbytes=1 wbytes=2 rios=1\n",
        "pids": "7\n",
        "network": NET,
    }
    assert read(V2, files) == Usage(5.0, 1.5, None, 600_000, 1_024_000, 1_000_000_000_946, 75, 101, 202, 7, 77.0)
    assert group_of(WEB, V2).paths["cpu"] == f"/sys/fs/cgroup/system.slice/docker-{ID}.scope/cpu.stat"  # type: ignore[union-attr]


@pytest.mark.parametrize("told", [V1, V2])
def test_what_cannot_be_read_is_not_known(told: str) -> None:
    assert read(told, {}) == Usage(5.0, memory_most=1_024_000, log=77.0)
    odd = read(told, dict.fromkeys(("cpu", "memory", "memory.stat", "disk", "pids", "network"), "max\nwhat is this"))
    assert (odd.cpu_seconds, odd.memory, odd.pids) == (None, None, None)
    assert (odd.disk_read, odd.received) == (0, 0)


def test_a_limit_goes_before_the_memory_of_the_machine() -> None:
    assert read(V2, {"memory": "500\n"}, replace(WEB, memory_limit=2000)).memory_most == 2000


def test_the_network_of_the_host_is_not_the_container_s() -> None:
    assert read(V2, {"network": NET}, replace(WEB, host_network=True)).received is None


@pytest.mark.parametrize("told", ["", "0::/\n", "0::/docker/" + "f" * 64, "4:memory:/user.slice\n0::/x\n", "garbage"])
def test_a_process_that_is_not_the_container_s_is_not_taken_for_it(told: str) -> None:
    assert group_of(WEB, told) is None


def test_cores_are_counted_between_two_looks() -> None:
    before, after = Usage(10.0, 5.0), Usage(20.0, 20.0)
    assert after.cores_since(before) == 1.5
    assert after.cores_since(None) is None
    assert before.cores_since(after) is None, "time went back"
    assert Usage(20.0, 1.0).cores_since(before) == 0, "it began anew"
    assert Usage(20.0, cpu=0.25).cores_since(None) == 0.25


def test_files_are_told_apart_by_their_path() -> None:
    text = "/a/b:1:x\n/a/b:2\n/odd:path/c:3\nnot known:4\n/proc/1/net/dev:  eth0: 5\n\n"
    assert _sorted_out(text, {"/a/b", "/odd:path/c", "/proc/1/net/dev", "/silent"}) == {
        "/a/b": "1:x\n2",
        "/odd:path/c": "3",
        "/proc/1/net/dev": "  eth0: 5",
    }


def test_what_docker_stats_tells_is_read() -> None:
    line = (
        '{"BlockIO":"4.1kB / 1.23MB","CPUPerc":"150.25%","Container":"web","ID":"ca8a7082653d","MemPerc":"0.05%",'
        '"MemUsage":"1.5MiB / 23.54GiB","Name":"web","NetIO":"946B / 0B","PIDs":"2"}'
    )
    stopped = (
        '{"BlockIO":"-- / --","CPUPerc":"--","Container":"x","ID":"x","MemUsage":"-- / --","NetIO":"--","PIDs":"--"}'
    )
    found = parse(f"{line}\nnonsense\n{stopped}\n[]\n{{}}\n", 3.0)
    assert found["ca8a7082653d"] == Usage(
        3.0, None, 1.5025, 1.5 * 2**20, 23.54 * 2**30, 946, 0, 4100, 1_230_000, 2, None
    )
    assert found["x"] == Usage(3.0)
    assert len(found) == 2
