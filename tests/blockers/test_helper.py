"""The helper that runs as root: it takes an address and a number, and nothing else."""

import subprocess
import sys

import pytest

from daytwo.blockers.nftables import helper


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-I", helper(), *words], capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    "words",
    [
        (), ("block",), ("block", "203.0.113.7"), ("block", "203.0.113.7", "60", "more"), ("list", "ruleset"), ("flush",),
        ("block", "203.0.113.7; flush ruleset", "60"), ("block", "203.0.113.7 }", "60"), ("block", "-f", "60"),
        ("block", "203.0.113.7\nflush ruleset", "60"), ("block", "localhost", "60"), ("block", "/etc/passwd", "60"),
        ("block", "203.0.113.7", "60s }; flush ruleset; #"), ("block", "203.0.113.7", "-1"), ("block", "203.0.113.7", "0"),
        ("block", "203.0.113.7", "2592001"), ("block", "203.0.113.7", "٦٠"), ("block", "203.0.113.7", "1e3"),
        ("block", "0.0.0.0/0", "60"), ("block", "::/0", "60"), ("block", "10.0.0.0/7", "60"), ("block", "127.0.0.1", "60"),
        ("block", "::1", "60"), ("block", "fe80::1", "60"), ("block", "169.254.0.0/16", "60"), ("block", "ff02::1", "60"), ("block", "fe80::1%eth0", "60"), ("unblock", "x"),
        ("block", "fe80::1%x }; flush ruleset; #", "60"), ("block", "2001:db8::1%x }\nflush ruleset", "60"), ("--help",), ("block", "", ""),
    ],
    ids=repr,
)  # fmt: skip
def test_whatever_else_is_refused_before_nft_is_started(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(("usage:", "daytwo-block: this", "daytwo-block: give"))
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
