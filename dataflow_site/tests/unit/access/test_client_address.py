"""Whose address a request comes from, behind proxies and without."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from ingestion.runtime import client_address


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        # A client's own word.
        ("203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "no address", "10.0.0.1"),
        ("", "203.0.113.9", ""),
    ],
)
def test_only_a_trusted_proxy_names_the_client(settings: Settings, peer: str, forwarded: str, client: str) -> None:
    settings.DATAFLOW_TRUSTED_PROXIES = ["10.0.0.0/8"]

    assert client_address.of(peer, forwarded) == client
