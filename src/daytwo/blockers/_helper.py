#!/usr/bin/python3 -I
"""daytwo-block: the only thing that daytwo does as root to shut an address out. It stands alone: copy it as it is.

    daytwo-block block ADDRESS SECONDS     keep an address or network out for so long
    daytwo-block unblock ADDRESS           let it in again
    daytwo-block list                      what is kept out: ADDRESS SECONDS, one a line

It takes an address and a number and nothing else, and changes nothing but its own table `inet daytwo` of nftables.
The chain hangs at prerouting before address translation, so that published ports of containers are covered as well.
"""

import ipaddress
import json
import os
import subprocess
import sys
from typing import Any

LONGEST = 30 * 86400
PROGRAMS = ("/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft")
TABLE = """
add table inet daytwo
add set inet daytwo blocked4 { type ipv4_addr; flags interval, timeout; }
add set inet daytwo blocked6 { type ipv6_addr; flags interval, timeout; }
add chain inet daytwo early { type filter hook prerouting priority -300; policy accept; }
flush chain inet daytwo early
add rule inet daytwo early ip saddr @blocked4 drop
add rule inet daytwo early ip6 saddr @blocked6 drop
"""


def main() -> int:
    """Do what the arguments say."""
    words = sys.argv[1:]
    if len(words) == 3 and words[0] == "block":
        network, seconds = _network(words[1]), _seconds(words[2])
        where = _element(network)
        # Added, removed and added in one step: one that is there already gets a new end.
        again = f"add element {where} timeout {seconds}s }}\n"
        return _nft(f"{TABLE}{again}delete element {where} }}\n{again}")
    if len(words) == 2 and words[0] == "unblock":
        where = _element(_network(words[1]))
        return _nft(f"{TABLE}add element {where} timeout 1s }}\ndelete element {where} }}\n")
    if words == ["list"]:
        return _list()
    sys.stderr.write("usage: daytwo-block block ADDRESS SECONDS | unblock ADDRESS | list\n")
    return 2


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    # Python takes any text for the zone of an IPv6 address (`fe80::1%...`), and this text becomes nft's.
    if not text or not set(text) <= set("0123456789abcdefABCDEF:./"):
        sys.exit("daytwo-block: this is no address")
    try:
        found = ipaddress.ip_network(text)
    except ValueError:
        sys.exit("daytwo-block: this is no address")
    if found.prefixlen < (8 if found.version == 4 else 32):
        sys.exit("daytwo-block: this is too much of the internet")
    # Routers make themselves known by link-local addresses of IPv6.
    if found.is_loopback or found.is_multicast or found.is_unspecified or found.is_link_local:
        sys.exit("daytwo-block: this address is never kept out")
    return found


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 7 or not 1 <= int(text) <= LONGEST:
        sys.exit(f"daytwo-block: give whole seconds, at most {LONGEST}")
    return int(text)


def _element(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    return f"inet daytwo blocked{network.version} {{ {network}"


def _run(arguments: list[str], text: str) -> "subprocess.CompletedProcess[str]":
    program = next((one for one in PROGRAMS if os.access(one, os.X_OK)), None)
    if program is None:
        sys.exit("daytwo-block: nft is not installed")
    return subprocess.run(
        [program, *arguments], input=text, capture_output=True, text=True, timeout=20, check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
    )  # fmt: skip


def _nft(text: str) -> int:
    done = _run(["-f", "-"], text)
    if done.returncode:
        sys.stderr.write(f"daytwo-block: nft: {' '.join(done.stderr.split())[:300]}\n")
    return 1 if done.returncode else 0


def _list() -> int:
    for version in (4, 6):
        done = _run(["-j", "list", "set", "inet", "daytwo", f"blocked{version}"], "")
        if done.returncode:
            if "No such file" in done.stderr:
                continue
            sys.stderr.write(f"daytwo-block: nft: {' '.join(done.stderr.split())[:300]}\n")
            return 1
        for one in json.loads(done.stdout)["nftables"]:
            for element in one.get("set", {}).get("elem", ()):
                _tell(element["elem"])
    return 0


def _tell(element: dict[str, Any]) -> None:
    value = element["val"]
    prefix = value.get("prefix") if isinstance(value, dict) else None
    text = f"{prefix['addr']}/{prefix['len']}" if prefix else value
    if isinstance(text, str):
        sys.stdout.write(f"{text} {element.get('expires', 0)}\n")


if __name__ == "__main__":
    sys.exit(main())
