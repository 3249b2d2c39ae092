# SPDX-License-Identifier: Apache-2.0
import pytest

from genaiservice.control.core.addresses import AddressRules, is_internal, literal, network

PRIVATE = (
    "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "0.0.0.0", "169.254.169.254",
    "100.100.100.200", "100.64.0.1", "168.63.129.16", "192.0.2.1", "198.18.0.1", "224.0.0.1",
    "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::",
    "2001:db8::1", "fe80::1%eth0", "2400:3200::1%1",
)  # fmt: skip
PUBLIC = ("1.2.4.8", "114.114.114.114", "2400:3200::1", "::ffff:114.114.114.114",
          "64:ff9b::7272:7272")  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not AddressRules().permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted_unless_it_is_denied(address: str) -> None:
    assert AddressRules().permits(address)
    everything = (network("0.0.0.0/0"), network("::/0"))
    assert not AddressRules(denied=everything).permits(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"])
def test_a_network_that_is_named_is_permitted_in_every_spelling(address: str) -> None:
    assert AddressRules(allowed=(network("10.1.0.0/16"),)).permits(address)
    assert not AddressRules(allowed=(network("10.2.0.0/16"),)).permits(address)


def test_a_denied_network_wins() -> None:
    rules = AddressRules(allowed=(network("10.0.0.0/8"),), denied=(network("10.1.0.0/16"),))
    assert rules.permits("10.2.0.1")
    assert not rules.permits("10.1.0.1")


@pytest.mark.parametrize("text", ["", "example.com", "1.2.3", "10.0.0.1/8", "1.2.3.4.5", "x%y"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not AddressRules(allowed=(network("0.0.0.0/0"),)).permits(text)


@pytest.mark.parametrize(
    ("host", "address"),
    [("1.2.3.4", "1.2.3.4"), ("[::1]", "::1"), ("::1", "::1"), ("a.cn", ""), ("127.1", "")],
)
def test_a_host_that_spells_an_address_is_known(host: str, address: str) -> None:
    assert literal(host) == address


@pytest.mark.parametrize(
    ("name", "internal"),
    [
        ("localhost", True),
        ("vault", True),
        ("api.default.svc", True),
        ("api.default.svc.cluster.local", True),
        ("metadata.google.internal", True),
        ("METADATA.GOOGLE.INTERNAL.", True),
        ("www.example.com", False),
        ("例子.中国", False),
    ],
)
def test_names_of_inner_networks_are_known(name: str, internal: bool) -> None:
    assert is_internal(name) is internal
