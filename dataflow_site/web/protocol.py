"""HTTP/1.1 and WebSockets of the web process: `--http dataflow_site.web.protocol:WebProtocol --ws websockets-sansio`."""

from __future__ import annotations

from typing import NoReturn

import httptools

from dataflow_site.web.sockets import BoundedWebSocket
from ingestion.http.exchange import Exchange
from ingestion.problems import Code
from ingestion.receivers.http.server_protocol import ServerProtocol, StopParsing
from ingestion.server import endpoint_at


class WebProtocol(ServerProtocol):
    """A connection with the limits of the ingest server, which hands a WebSocket over to `BoundedWebSocket`."""

    _handshake: bytes | None = None  # the request that opens a WebSocket

    def _fast_request(self, *, keep_alive: bool) -> Exchange | None:
        # The receivers here are a part of the site, which connects to Kafka only if they are used.
        return None

    def _count(self, code: Code, detail: str) -> None:
        # A page is no receiver, so its refusals are not in the ledger.
        if endpoint_at(self._url.partition(b"?")[0].decode("latin-1")):
            super()._count(code, detail)

    def _check_upgrade(self) -> None:
        wanted = [value.strip().lower() for name, value in self._headers if name == b"upgrade"]
        if wanted == [b"websocket"] and self._parser.should_upgrade() and self._config.ws_protocol_class is not None:
            self._begin_websocket()
        super()._check_upgrade()

    def _begin_websocket(self) -> NoReturn:
        if self._exchanges:
            self._stop(Code.BAD_REQUEST, "Upgrade: expected after the answer to the request before")
        address = httptools.parse_url(self._url)
        target = address.path + (b"?" + address.query if address.query else b"")
        lines = [b"%b %b HTTP/1.1" % (self._parser.get_method(), target), *[b"%b: %b" % pair for pair in self._headers]]
        self._handshake = b"\r\n".join([*lines, b"", b""])
        raise StopParsing

    def _end_parsing(self) -> None:
        if self._handshake is None:
            super()._end_parsing()
        else:
            self._hand_over(self._handshake)

    def _hand_over(self, handshake: bytes) -> None:
        """Pass the connection to the WebSocket protocol; nothing of it comes here any more."""
        self._is_closed = True
        self._timer.close()
        self._write_timer.stop()
        self._server.connections.discard(self)
        successor = BoundedWebSocket(config=self._config, server_state=self._server, app_state=self._app_state)
        successor.connection_made(self.transport)
        successor.data_received(handshake)
        self.transport.set_protocol(successor)
