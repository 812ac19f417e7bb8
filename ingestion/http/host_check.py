"""The check of the Host header and of the number of headers, for the ingest server and the web port."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings
from django.http.request import validate_host

from ingestion.problems import Code, RequestRejected
from ingestion.runtime.limits import receiver_limits

ONE_HOST = "expected one Host header"
WRONG_HOST = "Host: expected the name of this site (DATAFLOW_ALLOWED_HOSTS)"

MAX_HOST_BYTES = 261  # a name of 255 and a port
_HOST = re.compile(rb"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@lru_cache(maxsize=256)
def ours(host: bytes) -> bool:
    """Return whether a Host header names this site."""
    match = _HOST.fullmatch(host) if len(host) <= MAX_HOST_BYTES else None
    return match is not None and validate_host(match[1].decode().lower().rstrip("."), settings.ALLOWED_HOSTS)


def first_name() -> bytes:
    """Return the name of this site for requests of HTTP/1.0, as probes of load balancers are, which has no Host."""
    name = settings.ALLOWED_HOSTS[0].lstrip(".") if settings.ALLOWED_HOSTS else "*"
    return b"localhost" if name == "*" else name.encode()


def check(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Check all headers of a request as the ingest server does.

    :raises RequestRejected: another Host, none, several, or too many headers
    """
    headers = list(headers)
    hosts = [value for name, value in headers if name == b"host"]
    if len(headers) > receiver_limits().max_headers:
        raise RequestRejected(Code.HEADERS_TOO_LARGE, too_many())
    if len(hosts) != 1:
        raise RequestRejected(Code.BAD_REQUEST, ONE_HOST)
    if not ours(hosts[0]):
        raise RequestRejected(Code.BAD_REQUEST, WRONG_HOST)


def too_many() -> str:
    """Return the error text for too many headers."""
    return f"there are more than {receiver_limits().max_headers} headers"
