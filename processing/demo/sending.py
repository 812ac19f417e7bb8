"""Sends the demo's events to a receiver, as any other client does."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from ingestion.problems import Code
from processing.demo.sources import DemoEvent

TIMEOUT = 5.0  # seconds for one answer
TAKEN = {202, 207}  # 207: some were rejected, as those of a source that is set aside are
FORBIDDEN = 403
AGAIN = {429, 500, 502, 503, 504}


class NotTaken(Exception):
    """The receiver does not take events at the moment. Sending again is harmless."""


class NoReceiver(NotTaken):
    """Nothing answers at the address."""


class Refused(Exception):
    """The receiver does not take such requests. The text says why."""


def post(address: str, events: Sequence[DemoEvent], *, token: str = "") -> None:
    """Send events to the receiver at an address.

    :raises NotTaken: it does not answer, says to try again later, or does not know yet that the sources may send again
    :raises Refused: it wants a key, or there is something else at the address
    """
    body = b"\n".join(json.dumps(event).encode() for event in events)
    headers = {"Content-Type": "application/x-ndjson", **({"Authorization": f"Bearer {token}"} if token else {})}
    connection = _connect(address)
    try:
        connection.request("POST", "/ingest", body=body, headers=headers)
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoReceiver(f"No receiver answers at {address}.") from error
    finally:
        connection.close()
    if answer.status in AGAIN:
        raise NotTaken(f"The receiver at {address} answers {answer.status}.")
    if answer.status == FORBIDDEN and Code.SOURCE_DISABLED.encode() in said:
        raise NotTaken("Receivers take events of sources that were disabled again within a minute.")
    if answer.status not in TAKEN:
        raise Refused(f"The receiver at {address} answers {answer.status}.")


def _connect(address: str) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    host = parts.hostname or "localhost"
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)
