"""Removes what a Docker daemon that has ended leaves in the kernel: bridges, a firewall rule, empty control groups.

A program of its own (standard library only), run by the keeper of `tests.parts.docker` after every process is gone.
Arguments: the network, such as `10.77.0.0/16`, and the name of the control group.
"""

import contextlib
import ipaddress
import json
import subprocess
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def remove_bridges(network: str) -> None:
    """Delete every bridge that has an address in `network`."""
    shown = subprocess.run(["ip", "-json", "-4", "address", "show", "type", "bridge"], check=True, capture_output=True)
    for link in json.loads(shown.stdout or b"[]"):
        addresses = [ipaddress.ip_address(entry["local"]) for entry in link.get("addr_info", [])]
        if any(address in ipaddress.ip_network(network) for address in addresses):
            subprocess.run(["ip", "link", "delete", link["ifname"]], check=False)


def forward_rule(network: str) -> list[str]:
    """The rule that lets the containers of `network` talk to each other, for `iptables -I` and `-D`."""
    return ["FORWARD", "-s", network, "-d", network, "-j", "ACCEPT"]


def remove_cgroups(name: str) -> None:
    """Remove the group and all below it, in every hierarchy; they are empty."""
    for top in (CGROUPS / name, *CGROUPS.glob(f"*/{name}")):
        if top.is_dir():
            for folder in (*sorted(top.rglob("*/"), reverse=True), top):
                if folder.is_dir():
                    with contextlib.suppress(OSError):
                        folder.rmdir()


if __name__ == "__main__":
    remove_bridges(sys.argv[1])
    remove_cgroups(sys.argv[2])
    with contextlib.suppress(OSError):
        rule = ["iptables", "-w", "-D", *forward_rule(sys.argv[1])]
        subprocess.run(rule, check=False, stderr=subprocess.DEVNULL)
