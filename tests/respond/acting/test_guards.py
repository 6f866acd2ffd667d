"""F36: what is never shut out, whatever somebody or something wants."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.config.acting import Blocking
from daytwo.core.blocker import network_of, shown
from daytwo.respond.actions.guards import Around, objection, own_networks

OPEN = Blocking.model_validate({"allow": ["198.51.100.0/24", "2001:db8:a::/48"]})
HERE = Around(
    own=(network_of("203.0.113.1"), network_of("2001:db8:1::1")),
    people=((network_of("203.0.113.50"), "ada"), (network_of("2001:db8:2::9"), "ben")),
)


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("127.0.0.1", "loopback"), ("127.9.9.9", "loopback"), ("::1", "loopback"), ("0.0.0.0", "no address"),
        ("224.0.0.1", "multicast"), ("255.255.255.255", "multicast"), ("ff02::1", "multicast"), ("::ffff:127.0.0.1", "loopback"),
        ("198.51.100.7", "blocking.allow"), ("198.51.0.0/16", "blocking.allow"), ("2001:db8:a:1::5", "blocking.allow"),
        ("203.0.113.1", "belongs to this host"), ("203.0.113.0/24", "belongs to this host"),
        ("2001:db8:1::ffff", "belongs to this host"),
        ("203.0.113.50", "ada used this daemon"), ("203.0.113.48/30", "ada used"), ("2001:db8:2::1234", "ben used"),
        ("10.1.2.3", "private"), ("192.168.1.1", "private"), ("172.16.9.9", "private"), ("169.254.1.1", "private"),
        ("100.64.3.3", "private"), ("fd00::1", "private"), ("fe80::1", "link-local"),
        ("8.0.0.0/8", "too much"), ("2600::/24", "too much"),
    ],
)  # fmt: skip
def test_f36_a_guard_says_no_and_why(address: str, word: str) -> None:
    assert word in objection(network_of(address), OPEN, HERE)


@pytest.mark.parametrize("address", ["203.0.113.7", "192.0.2.0/24", "2001:db8:3::1", "1.1.1.1"])
def test_what_may_be_shut_out(address: str) -> None:
    assert objection(network_of(address), OPEN, HERE) == ""


def test_private_networks_only_when_allowed_and_never_more_than_so_many() -> None:
    private = Blocking(private=True, most=3)
    assert objection(network_of("10.1.2.3"), private, Around()) == ""
    assert "3 are shut out already" in objection(network_of("1.2.3.4"), private, Around(active=3))


@given(st.ip_addresses())
def test_f36_the_allow_list_and_people_cannot_be_got_around(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    one = network_of(str(address))
    assert objection(one, Blocking.model_validate({"allow": [str(address)]}), Around())
    assert objection(one, Blocking(private=True), Around(people=((one, "ada"),)))


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("203.0.113.7", "203.0.113.7"), (" 203.0.113.0/24 ", "203.0.113.0/24"), ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::/48", "2001:db8::/48"), ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)  # fmt: skip
def test_one_spelling_of_each(text: str, network: str) -> None:
    assert shown(network_of(text)) == network


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "1.2.3",
        "1.2.3.4; reboot",
        "1.2.3.4/33",
        "-A",
        "1.2.3.4/24",
        "$(id)",
        "fe80::1%eth0",
        "2001:db8::1%x }; flush ruleset",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        network_of(text)


def test_own_addresses_gateways_and_name_servers_are_read_from_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(
        "Main:\n  |-- 10.0.0.0\n     /24 link UNICAST\n  |-- 203.0.113.9\n     /32 host LOCAL\n"
    )
    (tmp_path / "route").write_text("Iface\tDestination\tGateway\neth0\t00000000\t0171CBC0\neth0\t000071CB\t00000000\n")
    (tmp_path / "if_inet6").write_text("20010db8000000000000000000000009 02 40 00 80 eth0\n")
    row = f"{'0' * 32} 00 {'0' * 32} 00 20010db8000000000000000000000001 00000400 0 0 0 eth0\n"
    (tmp_path / "ipv6_route").write_text(row)
    (tmp_path / "resolv.conf").write_text("nameserver 198.51.100.53\nnameserver fe80::1%eth0\n")
    found = {shown(one) for one in own_networks(tmp_path, tmp_path / "resolv.conf")}
    assert found == {"203.0.113.9", "192.203.113.1", "2001:db8::9", "2001:db8::1", "198.51.100.53", "fe80::1"}
