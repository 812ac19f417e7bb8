"""The handshake of CloudEvents' webhooks, by which a sender asks whether it may send here.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection
"""

from __future__ import annotations

from collections.abc import Mapping

from ingestion.http.response import Response

ORIGIN = b"webhook-request-origin"


def handshake(head: Mapping[bytes, bytes]) -> Response:
    """Permit the origin that asks. What it may send is decided by its key, and how much by the key's rate."""
    headers = [(b"allow", b"POST"), (b"webhook-allowed-origin", head[ORIGIN]), (b"content-length", b"0")]
    if b"webhook-request-rate" in head:
        headers.append((b"webhook-allowed-rate", b"*"))
    return Response(200, headers, b"")
