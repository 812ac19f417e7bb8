"""The address of a client, which a trusted proxy may name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def of(peer: str, forwarded_for: str) -> str:
    """Return the address of the client.

    It is the peer's own, unless the peer is one of DATAFLOW_TRUSTED_PROXIES. Then it is the last one in
    X-Forwarded-For that is none of them: a proxy appends the address that it saw, and all before that is the client's
    own word.
    """
    trusted = networks(tuple(settings.DATAFLOW_TRUSTED_PROXIES))
    named = [part.strip() for part in forwarded_for.split(",")]
    client = peer
    while named and is_within(client, trusted) and parsed(named[-1]) is not None:
        client = named.pop()
    return client


def is_within(address: str, allowed: Iterable[Network]) -> bool:
    """Return whether an address is in one of the networks. What is no address is in none."""
    found = parsed(address)
    return found is not None and any(found in network for network in allowed)


def parsed(text: str) -> Address | None:
    """Return an address; IPv4 in its IPv6 form is IPv4. None: the text is no address."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


@lru_cache(maxsize=16)
def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks of a setting, each an address or one with a prefix length.

    :raises ValueError: one is neither
    """
    return tuple(ip_network(text) for text in texts)
