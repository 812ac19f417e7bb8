"""Why a broker can't be used: kafka-python only reports that no broker answered in time, whatever the reason.

A wrong password or a certificate that is not trusted does not pass by waiting, so an operator must hear of it. A broker that is
silent is one of several, and the others are asked soon.
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from kafka.errors import (
    AuthorizationError,
    IllegalSaslStateError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.connection import KafkaConnection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

# Seconds for a connection to a broker until it may be used, doubled after each that failed. The client waits for 10, again and
# again, for a broker that is frozen or whose machine is gone, although the other brokers know the new leaders.
FIRST_PATIENCE, LONGEST_PATIENCE = 2.0, 10.0

Receive = Callable[[], tuple[bytes, Exception | None]]

_SASL = (AuthorizationError, IllegalSaslStateError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
# Parts of the reasons of OpenSSL that do not pass by waiting; a broker that stops ends a handshake with others.
_LASTING = ("ALERT", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


class BrokerRefused(KafkaError):  # type: ignore[misc]  # the client has no types
    """The broker refuses the connection, or its certificate is not trusted. An operator must change something.

    The text names the settings, and holds nothing that was sent or received.
    """

    def __str__(self) -> str:
        return str(self.args[0])


class RefusalAwareClient(KafkaNetClient):  # type: ignore[misc]
    """kafka-python's network client, which raises BrokerRefused if that is why it could not connect."""

    def __init__(self, net: Any = None, manager: Any = None, **configs: Any) -> None:
        # A second manager would register its metrics a second time.
        selector = NetworkSelector(**configs) if net is None else net
        super().__init__(selector, _Manager(selector, **configs) if manager is None else manager, **configs)


class _Manager(KafkaConnectionManager):  # type: ignore[misc]
    def __init__(self, net: Any, **configs: Any) -> None:
        self._refusal: BrokerRefused | None = None
        self._failures: Counter[Any] = Counter()  # in a row, by node
        super().__init__(net, **configs)

    def get_connection(self, node_id: Any, timeout_ms: float | None = None, **options: Any) -> KafkaConnection:
        if self._refusal is not None and not self.bootstrapped:
            # A wrong password is not tried again and again, which locks users out.
            raise self._refusal
        is_new = node_id not in self._conns
        connection = super().get_connection(node_id, timeout_ms=self._patience(node_id, timeout_ms), **options)
        # Called for every request; a connection that exists has told already.
        if not connection.init_future.is_done:
            connection.init_future.add_errback(self._note)
            if is_new:
                connection.init_future.add_callback(lambda _: self._failures.pop(node_id, None))
                connection.init_future.add_errback(lambda _: self._failures.update([node_id]))
        return connection

    def _patience(self, node_id: Any, left: float | None) -> float:
        """Return how long to wait for a connection, in milliseconds.

        :param left: of the time for the first answer of any broker; None: the brokers are known
        """
        if left is None:
            return min(LONGEST_PATIENCE, FIRST_PATIENCE * 2.0 ** self._failures[node_id]) * 1000
        # The client would spend all of it on the first broker that it tries.
        return left / 2 if len(self.cluster.bootstrap_brokers()) > 1 else left

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        transport._sock_recv = _data_before_error(transport._sock_recv)  # noqa: SLF001
        return transport

    def bootstrap(self, timeout_ms: int | None = None, refresh: bool = True) -> None:
        self._refusal = None
        try:
            super().bootstrap(timeout_ms, refresh)
        except KafkaTimeoutError as error:
            if self._refusal is not None:
                raise self._refusal from error
            raise

    def _note(self, error: BaseException) -> None:
        self._refusal = refusal(error) or self._refusal


def _data_before_error(receive: Receive) -> Receive:
    """Return the same method, which hands on what came together with the end of the connection.

    The client drops it: that is the broker's answer to a wrong password.
    """
    kept: list[Exception] = []

    def received() -> tuple[bytes, Exception | None]:
        if kept:
            return b"", kept[0]
        data, error = receive()
        if data and error is not None:
            kept.append(error)
            return data, None
        return data, error

    return received


def refusal(error: BaseException) -> BrokerRefused | None:
    """Return what a failed connection means; None: it may pass by itself."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = getattr(cause, "verify_message", "no reason given")
            return BrokerRefused(
                f"the broker's certificate is not trusted ({why}): check KAFKA_SSL_CAFILE and that"
                " KAFKA_BOOTSTRAP_SERVERS has the names in the certificate"
            )
        if isinstance(cause, ssl.SSLError) and any(word in (cause.reason or "") for word in _LASTING):
            return BrokerRefused(
                f"TLS fails ({cause.reason}): check KAFKA_SECURITY_PROTOCOL, KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"
            )
        if isinstance(cause, _SASL):
            return BrokerRefused(
                f"the broker refuses the user ({type(cause).__name__}): check KAFKA_SASL_MECHANISM,"
                " KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
            )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those behind it, also those that kafka-python keeps as an argument."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__, *each.args]
