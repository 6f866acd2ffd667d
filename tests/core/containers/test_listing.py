"""What `docker inspect` says, and what it means in words."""

import json
from dataclasses import replace
from typing import Any

import pytest

from daytwo.core.containers.listing import Container, Health, Wanted, nanoseconds, parse
from daytwo.core.containers.words import complaint, ending
from daytwo.core.errors import CommandError

TOLD: dict[str, Any] = {
    "id": "c" * 64,
    "name": "/web",
    "state": {
        "Status": "running", "Pid": 4242, "ExitCode": 0, "Error": "", "OOMKilled": False,
        "StartedAt": "2026-11-21T10:06:39.666380517Z", "FinishedAt": "0001-01-01T00:00:00Z",
    },
    "restarts": 3,
    "image": "nginx:1.29",
    "image_id": "sha256:1",
    "labels": {"com.docker.compose.project": "shop", "com.docker.compose.service": "proxy"},
    "log": "/var/lib/docker/containers/c/c-json.log",
    "host": {"NetworkMode": "bridge", "Memory": 64 << 20, "NanoCpus": 500_000_000, "CpusetCpus": "0-2,7"},
}  # fmt: skip


def told(**changes: Any) -> Container:
    return parse(json.dumps({**TOLD, **changes}))[0]


def host(**changes: Any) -> Container:
    return told(host=changes)


def test_a_container_is_read() -> None:
    one = told()
    assert (one.name, one.status, one.runs, one.restarts) == ("web", "running", True, 3)
    assert (one.project, one.service) == ("shop", "proxy")
    assert one.started == 1795255599_666380517
    assert one.finished == 0
    assert (one.memory_limit, one.cores_limit) == (64 << 20, 0.5)
    assert one.health == Health()


def test_the_smallest_limit_of_cores_counts() -> None:
    assert host().cores_limit == 0
    assert host(CpuQuota=150_000, CpuPeriod=100_000).cores_limit == 1.5
    assert host(CpuQuota=50_000, CpuPeriod=0).cores_limit == 0.5
    assert host(CpuQuota=-1).cores_limit == 0
    assert host(CpusetCpus="0-2,7").cores_limit == 4
    assert host(CpusetCpus="1", NanoCpus=2_000_000_000).cores_limit == 1
    assert host(NetworkMode="host").host_network


def test_absent_labels_and_limits_are_none() -> None:
    one = parse(json.dumps({**TOLD, "labels": None, "log": None, "host": {"Memory": None, "CpusetCpus": None}}))[0]
    assert (one.project, one.log, one.memory_limit, one.cores_limit) == ("", "", 0, 0)


@pytest.mark.parametrize("garbage", ["{", "[]", "null", "{}", '{"id": 1}', json.dumps({**TOLD, "state": None})])
def test_what_is_not_understood_is_an_error(garbage: str) -> None:
    with pytest.raises(CommandError, match="not understood"):
        parse(garbage)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("0001-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T01:00:01.123456789+01:00", 1_123_456_789),
    ],
)
def test_times_keep_their_nanoseconds(stamp: str, expected: int) -> None:
    assert nanoseconds(stamp) == expected


def test_who_is_meant() -> None:
    web = told()
    twin = replace(web, id="d" * 64, name="web2", service="other")
    odd = replace(web, id="e" * 64, name="a_b.c-d", project="")
    everyone = (web, twin, odd)
    assert Wanted("web").among(everyone) == [web]
    assert Wanted("c" * 12).among(everyone) == [web]
    assert Wanted("c" * 64).among(everyone) == [web]
    assert Wanted("c" * 11).among(everyone) == [], "too short to be an id"
    assert Wanted("a_b.c-d").among(everyone) == [odd]
    assert Wanted("*").among(everyone) == []
    assert Wanted("--format").among(everyone) == []
    assert Wanted(project="shop", service="proxy").among(everyone) == [web]
    assert Wanted(project="shop", service="prox").among(everyone) == []
    assert Wanted("wep").nearest(everyone) == "web"
    assert Wanted("nothing like it").nearest(everyone) == ""
    assert Wanted(project="shop", service="prox").nearest(everyone) == "proxy"


def state(status: str, **changes: Any) -> str:
    one = replace(told(), status=status, pid=0, finished=1_795_255_601 * 1_000_000_000)
    return complaint(replace(one, **changes))


def test_a_container_that_runs_is_well() -> None:
    assert complaint(told()) == ""
    assert complaint(replace(told(), health=Health("healthy"))) == ""
    assert complaint(replace(told(), health=Health("starting", 2, 1, "not yet"))) == ""


def test_an_unhealthy_one_says_what_its_probe_said() -> None:
    one = replace(told(), health=Health("unhealthy", 3, 1, "curl: (7) refused\n\nat last\x1b[31m\n"))
    assert complaint(one) == (
        "the container web is unhealthy: 3 health probes in a row failed, "
        'the last one said "curl: (7) refused at last?[31m"'
    )
    silent = replace(one, health=Health("unhealthy", 1, 22, " \n"))
    assert complaint(silent).endswith("1 health probe failed, the last one ended with code 22 without a word")
    assert len(complaint(replace(one, health=Health("unhealthy", 3, 1, "x" * 100_000)))) < 400


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "it ended with exit code 0"),
        (3, "it ended with exit code 3"),
        (126, "its command may not be run (exit code 126)"),
        (127, "its command was not found (exit code 127)"),
        (139, "crashed with SIGSEGV (exit code 139)"),
        (130, "ended by SIGINT (exit code 130)"),
        (143, "stopped as asked, with SIGTERM (exit code 143)"),
        (255, "it ended with exit code 255"),
    ],
)
def test_exit_codes_are_explained(code: int, words: str) -> None:
    assert ending(replace(told(), exit_code=code)) == words
    assert state("exited", exit_code=code) == f"the container web has stopped on 2026-11-21 at 10:06:41 UTC: {words}"


def test_137_is_told_apart_by_whether_memory_ran_out() -> None:
    assert "killed: by `docker kill`, by a stop that took too long" in state("exited", exit_code=137)
    oom = state("exited", exit_code=137, oom_killed=True)
    assert "killed by the kernel as it needed more memory than its limit of 67.1 MB" in oom
    assert "(exit code 137, out of memory)" in oom


def test_each_state_has_its_words() -> None:
    assert "is paused: somebody froze it; `docker unpause web`" in state("paused")
    assert "ends again and again and is being restarted: it ended with exit code 1" in state("restarting", exit_code=1)
    assert state("created", error="no such network") == (
        "the container web was made, but could not be started: the engine did not manage; "
        "the engine says: no such network"
    )
    assert state("created") == "the container web was made, but never started"
    assert "is dead" in state("dead")
    assert "is being removed" in state("removing")
    assert state("dreaming\x00") == "the container web is in the state dreaming?"
