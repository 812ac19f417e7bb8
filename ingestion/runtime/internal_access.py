"""Who may read metrics and the details of readiness: internal addresses, and who has the key for it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from django.conf import settings

from ingestion.runtime import client_address

# A proxy that sets one of these passes a request on from elsewhere, be it from the internet.
FORWARDED = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip", b"forwarded", b"via"}
)


def is_internal(peer: str, head: Mapping[bytes, bytes]) -> bool:
    """Return whether a request is from inside.

    :param peer: address of the other end of the connection; empty: unknown
    :param head: headers, names in lower case
    """
    return _has_key(head.get(b"authorization", b"")) or _has_address(peer, head)


def _has_key(authorization: bytes) -> bool:
    scheme, _, token = authorization.partition(b" ")
    key = settings.DATAFLOW_METRICS_KEY.encode()
    return bool(key) and scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), key)


def _has_address(peer: str, head: Mapping[bytes, bytes]) -> bool:
    client = client_address.of(peer, head.get(b"x-forwarded-for", b"").decode("latin-1"))
    # A proxy that is not trusted does not count with its own address for those whom it serves.
    if client == peer and not FORWARDED.isdisjoint(head):
        return False
    return client_address.is_within(client, client_address.networks(tuple(settings.DATAFLOW_METRICS_FROM)))
