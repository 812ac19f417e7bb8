"""Certificates: whether each server's is trusted, for its name, and for how long."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from dataflow_site.doctor.findings import Group, Said, error, warning
from processing.stores.mongodb import server as mongodb

SOON = 30  # days
_TIMEOUT = 3.0  # seconds
# https://www.postgresql.org/docs/current/protocol-message-formats.html: SSLRequest
_WANTS_TLS = struct.pack(">ii", 8, 80_877_103)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server speaks TLS, and whom we trust there."""

    server: str
    host: str
    port: int
    authority: str  # file; empty: those of the system
    settings: str  # that the operator should look at
    asks_first: bool = False  # as PostgreSQL's clients do
    own: tuple[str, str] | None = None  # our certificate and its key


GROUP: Group[None] = Group("certificates", nullcontext, "Look at the certificates of the servers.", is_server=False)


@GROUP.check("servers", "Certificates of servers are trusted, for their names, and for more than 30 days.")
def servers(_opened: None) -> Iterator[Said]:
    """Asks each server that is spoken to with TLS."""
    for endpoint in _endpoints():
        yield from _look(endpoint)


def _look(endpoint: Endpoint) -> Iterator[Said]:
    where = f"{endpoint.server} at {endpoint.host}:{endpoint.port}"
    try:
        ends = _end_of(endpoint)
    except ssl.SSLCertVerificationError as failure:
        yield error(
            f"The certificate of {where} is refused: {failure.verify_message}.",
            f"Renew it, or check {endpoint.settings}.",
        )
    except ssl.SSLError as failure:
        yield error(f"{where} does not agree on TLS: {failure.reason}.", f"Check {endpoint.settings}.")
    except OSError as failure:
        yield warning(f"The certificate of {where} can't be looked at: {type(failure).__name__}.", "Start it.")
    else:
        days = (ends - datetime.now(UTC)).days
        if days < SOON:
            yield warning(
                f"The certificate of {where} ends in {days} days, on {ends:%Y-%m-%d}.",
                "Renew it; clients refuse it from then on.",
            )


def _end_of(endpoint: Endpoint) -> datetime:
    context = ssl.create_default_context(cafile=endpoint.authority or None)
    if endpoint.own:
        context.load_cert_chain(*endpoint.own)
    with socket.create_connection((endpoint.host, endpoint.port), timeout=_TIMEOUT) as plain:
        if endpoint.asks_first:
            plain.sendall(_WANTS_TLS)
            if plain.recv(1) != b"S":
                raise ConnectionError
        with context.wrap_socket(plain, server_hostname=endpoint.host) as wrapped:
            found = wrapped.getpeercert() or {}
            return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)


def _endpoints() -> Iterator[Endpoint]:
    yield from _kafka()
    yield from _postgresql()
    redis = settings.REDIS_CONNECTION
    if redis.get("ssl"):
        own = _pair(redis.get("ssl_certfile", ""), redis.get("ssl_keyfile", ""))
        authority = redis.get("ssl_ca_certs", "")
        yield Endpoint("Redis", redis["host"], redis["port"], authority, "REDIS_URL and REDIS_SSL_CAFILE", own=own)
    for host, port, authority, both in mongodb.tls_addresses():
        yield Endpoint("MongoDB", host, port, authority, "the tls options of MONGO_URI", own=_pair(both, both))


def _kafka() -> Iterator[Endpoint]:
    if settings.KAFKA_SECURITY_PROTOCOL not in ("SSL", "SASL_SSL"):
        return
    own = _pair(settings.KAFKA_SSL_CERTFILE, settings.KAFKA_SSL_KEYFILE)
    for address in settings.KAFKA_BOOTSTRAP_SERVERS:
        host, _, port = address.rpartition(":")
        yield Endpoint("Kafka", host.strip("[]"), int(port), settings.KAFKA_SSL_CAFILE, "KAFKA_SSL_CAFILE", own=own)


def _postgresql() -> Iterator[Endpoint]:
    tls, database = settings.POSTGRES_TLS, settings.DATABASES["default"]
    # With the other modes libpq looks at no name, and takes a connection without TLS.
    if not tls.get("sslmode", "").startswith("verify-"):
        return
    authority = tls["sslrootcert"].replace("system", "")
    ports = str(database["PORT"]).split(",")
    own = _pair(tls.get("sslcert", ""), tls.get("sslkey", ""))
    for number, host in enumerate(str(database["HOST"]).split(",")):
        port = int(ports[min(number, len(ports) - 1)])
        yield Endpoint(
            "PostgreSQL", host, port, authority, "POSTGRES_SSLROOTCERT and POSTGRES_HOST", asks_first=True, own=own
        )


def _pair(certificate: str, key: str) -> tuple[str, str] | None:
    return (certificate, key) if certificate and key else None
