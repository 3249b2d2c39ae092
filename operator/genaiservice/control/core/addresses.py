# SPDX-License-Identifier: Apache-2.0
"""Which network addresses the operator may talk to when it looks at a declared page.

The addresses come from users, so they are hostile until checked: only what the whole internet can
reach is allowed, unless a setting lists the network. Rule: a denied network wins over an allowed
one, and an IPv6 address that carries an IPv4 address is both.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA: Final = (ipaddress.ip_network("168.63.129.16/32"),)
"""Metadata service of a cloud (Azure) at an address that looks public; the others are link-local,
shared (100.64.0.0/10) or unique local, and refused as such."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
INTERNAL: Final = ("localhost", "local", "internal", "svc", "arpa", "home", "lan")
"""Last labels of names that mean something inside a network only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRules:
    """allowed, denied: networks that the administrator of the operator named."""

    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()

    def permits(self, text: str) -> bool:
        """Whether a connection to this address may be made; False for what is no address."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        return "%" not in text and all(self._permits(one) for one in _meanings(address))

    def _permits(self, address: Address) -> bool:
        if _among(address, self.denied):
            return False
        if _among(address, self.allowed):
            return True
        if _among(address, METADATA):
            return False
        return address.is_global and not address.is_multicast and not address.is_reserved


def literal(host: str) -> str:
    """The address that a host of a URL spells out, "" when it is a name."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return ""


def is_internal(name: str) -> bool:
    """Whether a name is one that only an inner network knows. For a proxy, which resolves the
    names by itself, this is all that can be checked."""
    labels = name.lower().rstrip(".").split(".")
    return len(labels) < 2 or labels[-1] in INTERNAL


def network(text: str) -> Network:
    """A network as `10.0.0.0/8`, or one address; raises ValueError."""
    return ipaddress.ip_network(text.strip())


def _among(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)


def _meanings(address: Address) -> Iterator[Address]:
    """The address, or those that it stands for in the network that carries it."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
