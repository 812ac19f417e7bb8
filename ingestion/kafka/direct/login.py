"""Opens connections to brokers: TLS, the versions that the broker speaks, the user."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any

from kafka.errors import for_code
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.api_message import ApiMessage
from kafka.protocol.metadata import ApiVersionsRequest
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from ingestion.kafka.direct import produce_request
from ingestion.kafka.direct.broker_connection import BrokerConnection

RENEW_BEFORE = 0.8  # of the time that a broker grants a user; then another connection takes its place


class CannotConnect(Exception):
    """The broker does not let this connection produce. The client's own connections tell an operator why."""


async def connect(host: str, port: int, options: Mapping[str, Any], *, client: str) -> BrokerConnection:
    """Open a connection that is ready for Produce requests.

    :param options: as of connection_options()
    :raises CannotConnect: the broker speaks other versions, or refuses the user
    :raises OSError: it does not answer, or TLS fails
    """
    loop = asyncio.get_running_loop()
    protocol = options["security_protocol"]
    context = _tls(options) if protocol.endswith("SSL") else None
    _, connection = await loop.create_connection(BrokerConnection, host, port, ssl=context)
    try:
        await _check_versions(connection, client)
        if protocol.startswith("SASL_"):
            await _log_in(connection, {**options, "host": host}, client)
    except BaseException:
        connection.abort()
        raise
    connection.is_ready = True
    return connection


def _tls(options: Mapping[str, Any]) -> ssl.SSLContext:
    # As the client's own connections.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options["ssl_cafile"]:
        context.load_verify_locations(options["ssl_cafile"])
    else:
        context.load_default_certs()
    if options["ssl_certfile"]:
        context.load_cert_chain(options["ssl_certfile"], options["ssl_keyfile"])
    return context


async def _check_versions(connection: BrokerConnection, client: str) -> None:
    answer = await _ask(connection, ApiVersionsRequest(version=0), client)
    spoken = {api.api_key: range(api.min_version, api.max_version + 1) for api in answer.api_keys}
    if produce_request.VERSION not in spoken.get(produce_request.KEY, ()):
        raise CannotConnect("the broker does not speak the version of Produce requests")


async def _log_in(connection: BrokerConnection, options: dict[str, Any], client: str) -> None:
    """Log in as the client does: https://kafka.apache.org/protocol#sasl_handshake."""
    name = options["sasl_mechanism"]
    _check(await _ask(connection, SaslHandshakeRequest(mechanism=name, version=1), client))
    mechanism = get_sasl_mechanism(name)(**options)
    lifetime = 0
    while not mechanism.is_done():
        answer = await _ask(connection, SaslAuthenticateRequest(mechanism.auth_bytes(), version=1), client)
        _check(answer)
        mechanism.receive(answer.auth_bytes)
        lifetime = answer.session_lifetime_ms
    if not mechanism.is_authenticated():
        raise CannotConnect("the broker refuses the user")
    if lifetime > 0:
        connection.retire_at = asyncio.get_running_loop().time() + lifetime / 1000 * RENEW_BEFORE


def _check(answer: Any) -> None:
    if answer.error_code:
        raise CannotConnect(for_code(answer.error_code).__name__)


async def _ask(connection: BrokerConnection, request: ApiMessage, client: str) -> Any:
    """Send a request of the client's own kind, and return its decoded answer."""
    request.with_header(correlation_id=connection.next_number(), client_id=client)
    answered: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    connection.send(request.encode(framed=True, header=True), partial(_settle, answered))
    answer = await answered
    if answer is None:
        raise ConnectionResetError("the broker closed the connection")
    kind = request.header.get_response_class()
    read = io.BytesIO(answer)
    kind.parse_header(read)
    return kind.decode(read)


def _settle(answered: asyncio.Future[bytes | None], answer: bytes | None) -> None:
    if not answered.done():  # as it is after the timeout
        answered.set_result(answer)
