"""HTTP/1.1 of the ingest server, with limits and timeouts, before any application sees a request.

uvicorn creates one for each connection: `--http ingestion.receivers.http.server_protocol:ServerProtocol`. Of uvicorn it uses what
https://www.uvicorn.org/server-behavior/ describes and `uvicorn.Server` passes to any protocol class: `Config`, the server's
state, and the call of `shutdown()`. Of uvicorn's options it supports --root-path and those of headers.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
from collections import deque
from time import perf_counter
from typing import Any, NoReturn

import httptools
from django.conf import settings
from uvicorn import Config
from uvicorn.server import ServerState

from ingestion import metrics
from ingestion.acceptance.accept import acceptance
from ingestion.http import response
from ingestion.http.asgi_cycle import AsgiRequest
from ingestion.http.asgi_scope import build_scope
from ingestion.http.exchange import Exchange
from ingestion.http.host_check import ONE_HOST, WRONG_HOST, first_name, ours, too_many
from ingestion.http.idle_connections import idle_connections, unfinished_connections
from ingestion.http.refused_request import RefusedRequest
from ingestion.http.response import CLOSE, serialize
from ingestion.http.stage_timer import Stage, StageTimer
from ingestion.http.write_timer import WriteTimer
from ingestion.problems import Code, Header, RequestRejected, status_of
from ingestion.receivers.http import fast_path
from ingestion.refusals import examples
from ingestion.refusals.attempt import Attempt, Way
from ingestion.runtime import request_context
from ingestion.runtime.limits import receiver_limits

MAX_URL_BYTES = 8 * 1024
MAX_PIPELINED = (
    128  # requests of one connection that wait for their answers; further ones that came with them get a 503
)
# A connection's requests that came together run for so long before others have their turn; one more may begin before.
TURN_SECONDS = 0.005
_HEADER_OVERHEAD = 4  # bytes: the colon, the space and the line's end
# Bytes of chunk sizes and extensions for each byte of a body. A chunk of one byte has 5; signed chunks have less for each byte.
_FRAMING_PER_BYTE = 16
_PER_BODY_BYTE = 1 + _FRAMING_PER_BYTE


_PATH = re.compile(rb"/[!-~]{0,255}")


class StopParsing(Exception):
    """Stops the parser; the protocol knows why."""


class ServerProtocol(asyncio.Protocol):
    """One HTTP/1.1 connection: its parser, its timer and its exchanges."""

    transport: asyncio.Transport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self._config = config
        self._server = server_state
        self._app_state = app_state
        self._parser = self._new_parser()
        self._timer = StageTimer(self.loop, self._time_out, keep_alive=settings.DATAFLOW_KEEP_ALIVE_SECONDS)
        self._write_timer = WriteTimer(self.loop)
        self._idle = idle_connections()
        self._unfinished = unfinished_connections()
        self._is_unfinished = False
        self._exchanges: deque[Exchange] = deque()  # not answered yet; the first one is being answered
        self._receiving: Exchange | None = None  # the last one whose head was read
        self._refusal: tuple[Code, str] | None = None
        self._is_closed = False  # nothing that comes after a rejection counts
        self._is_reading = True
        self._is_starting = False
        self._turn_ends = 0.0  # on perf_counter()'s clock; 0: no request has run since bytes came
        self._next_turn: asyncio.Handle | None = None  # no request starts before
        self._writable = asyncio.Event()
        self._writable.set()
        self._begin_head()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Register the connection and start the timer for its first head."""
        self.transport = transport
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._timer.stage = Stage.HEADERS
        self._timer.arm()
        self._wait_for_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection and mark its open requests as lost."""
        self._server.connections.discard(self)
        self._idle.pop(self, None)
        self._is_closed = True
        self._timer.close()
        self._write_timer.stop()
        self._has_rest()
        self._lose(*self._exchanges, *filter(None, [self._receiving]))
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the socket, and reject what is not well-formed or too large."""
        if self._is_closed:
            return
        self._turn_ends = 0.0
        # The parser reports a header only when it is whole, so one without an end is counted here; so are trailers and
        # what stands around chunks.
        if self._timer.stage is not Stage.NOTHING:
            self._pieces += len(data)
            self._framing += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end_parsing()
        except httptools.HttpParserUpgrade as offer:
            self._ignore_upgrades(memoryview(data)[offer.args[0] :])
        if self._timer.stage is not Stage.NOTHING and self._is_too_large():
            self._reject(Code.HEADERS_TOO_LARGE, _too_large())
        if self._timer.stage is not self._timer.timed:
            self._timer.arm()
            self._wait_for_rest()

    def pause_writing(self) -> None:
        """Stop reading and answering, and make `drain()` wait: the transport's buffer is full."""
        self._writable.clear()
        self._write_timer.start(self.transport)
        self.pause_reading()

    def resume_writing(self) -> None:
        """Continue, and release `drain()`: the transport's buffer has room."""
        self._writable.set()
        if self.transport.is_closing():
            return
        self._write_timer.stop()
        self._start_first()
        if len(self._exchanges) <= 1:
            self.resume_reading()

    def shutdown(self) -> None:
        """Close the connection once its last request is answered."""
        if self._receiving is None or self._receiving.is_complete:
            self.close()
        else:
            self._receiving.keep_alive = False

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Start a new head."""
        self._begin_head()
        self._timer.stage = Stage.HEADERS
        self._timer.idle_since = None
        self._idle.pop(self, None)

    def on_url(self, url: bytes) -> None:
        """Collect a piece of the address and check its length."""
        self._url += url
        if len(self._url) > MAX_URL_BYTES:
            self._stop(Code.HEADERS_TOO_LARGE, f"the address is longer than {MAX_URL_BYTES:,} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store one header, and check the host. A trailer is only counted."""
        self._head += len(name) + len(value) + _HEADER_OVERHEAD
        if self._is_behind_head:
            if self._head > receiver_limits().max_header_bytes:
                self._stop(Code.HEADERS_TOO_LARGE, _too_large())
            return
        name = name.lower()
        self._headers.append((name, value))
        if name == b"host":
            self._hosts += 1
            if not ours(value):
                self._stop(Code.BAD_REQUEST, WRONG_HOST)

    def on_headers_complete(self) -> None:
        """Check the head and begin its exchange."""
        if self._is_unfinished:
            self._has_rest()
        self._check_head()
        if self._parser.should_upgrade():
            self._check_upgrade()
            self._receiving = None
            return
        self._timer.stage = Stage.BODY
        self._is_behind_head = True
        keep_alive = self._parser.get_http_version() != "1.0" and self._parser.should_keep_alive()
        self._receiving = self._exchange(keep_alive=keep_alive)
        self._exchanges.append(self._receiving)
        if len(self._exchanges) > 1:
            self.pause_reading()
        elif not self._receiving.needs_whole_body:
            self._start_first()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body to its exchange."""
        self._pieces = 0
        self._framing -= len(body) * _PER_BODY_BYTE
        if self._receiving is not None and not self._receiving.is_complete:
            self._receiving.feed(body)

    def on_message_complete(self) -> None:
        """Mark the request as whole, and start or wake its exchange."""
        exchange = self._receiving
        if exchange is None:
            return  # its head is read again, without the upgrade that it offers
        self._timer.stage = Stage.NOTHING
        if self._timer.timed is not Stage.NOTHING:
            self._timer.arm()
        exchange.is_whole = True
        if exchange.is_complete:
            self._wait_for_next()
        elif exchange.is_running:
            exchange.wake()
        else:
            self._start_first()

    # What exchanges call.

    def default_headers(self) -> list[Header]:
        """Return the headers that the server adds to every response."""
        return self._server.default_headers

    def pause_reading(self) -> None:
        """Stop reading from the socket."""
        if self._is_reading and not self.transport.is_closing():
            self._is_reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read from the socket again, unless the client has to read first."""
        if not self._is_reading and self._writable.is_set():
            self._is_reading = True
            self.transport.resume_reading()

    async def drain(self) -> None:
        """Wait until the transport's buffer has room."""
        if not self._writable.is_set():
            await self._writable.wait()

    def complete(self, exchange: Exchange) -> None:
        """Remove an answered exchange and start the next one."""
        self._server.total_requests += 1
        self._exchanges.popleft()
        if self.transport.is_closing():
            return
        if len(self._exchanges) <= 1:
            self.resume_reading()
        if self._exchanges:
            self._start_first()
        elif exchange.is_whole and self._timer.stage is Stage.NOTHING:
            self._wait_for_next()
        elif not exchange.is_whole:
            self._unfinished.add(self, most=receiver_limits().max_idle_connections)
            self._is_unfinished = True

    def close(self) -> None:
        """Close the connection, once the client has read what was written."""
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._write_timer.start(self.transport)

    def _wait_for_rest(self) -> None:
        """Prepare for the rest of a request that did not come in one piece."""
        if self._timer.stage is Stage.HEADERS:
            self._is_unfinished = True
            self._unfinished.add(self, most=receiver_limits().max_idle_connections)
        elif self._timer.stage is Stage.BODY and self._receiving is not None:
            try:
                self._receiving.wait_for_body()
            except RequestRejected as refusal:
                self._reject(refusal.code, refusal.detail)
            else:
                self._start_first()

    def _has_rest(self) -> None:
        self._is_unfinished = False
        self._unfinished.pop(self, None)

    def _wait_for_next(self) -> None:
        if self._is_unfinished:
            self._has_rest()
        self._timer.idle_since = self.loop.time()
        self._idle[self] = None
        if len(self._idle) > receiver_limits().max_idle_connections:
            self._idle.close_longest()
        if not self._timer.is_watching:
            self._timer.watch()

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # A request behind one with "Connection: close" is cut off, and that one is answered.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _ignore_upgrades(self, rest: memoryview) -> None:
        """Continue behind a head that offers another protocol, as if it did not.

        The parser takes all that follows for the other protocol's, so a new one reads the head again without the offer.
        https://www.rfc-editor.org/rfc/rfc9110#section-7.8
        """
        while True:
            head = self._head_without_upgrade()
            self._parser = self._new_parser()
            try:
                self._parser.feed_data(head)
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
            except httptools.HttpParserError:
                return self._end_parsing()
            else:
                return None

    def _head_without_upgrade(self) -> bytes:
        first = b"%b %b HTTP/%b" % (self._parser.get_method(), self._url, self._parser.get_http_version().encode())
        return b"\r\n".join([first, *[b"%b: %b" % pair for pair in self._headers if pair[0] != b"upgrade"], b"", b""])

    def _begin_head(self) -> None:
        self._url = b""
        self._headers: list[Header] = []
        self._pieces = (
            0  # bytes that came after the first piece of the present head, or since the last byte of its body
        )
        self._framing = 0  # bytes of the head and around the chunks of its body, less what they may be
        self._head = 0  # bytes of its whole headers and trailers
        self._hosts = 0
        self._is_behind_head = False

    def _check_head(self) -> None:
        # Not header by header: all that came with the first piece is parsed at once, and further ones are counted there.
        if self._head > receiver_limits().max_header_bytes:
            self._stop(Code.HEADERS_TOO_LARGE, _too_large())
        if len(self._headers) > receiver_limits().max_headers:
            self._stop(Code.HEADERS_TOO_LARGE, too_many())
        version = self._parser.get_http_version()
        if not self._hosts and version == "1.0":
            self._headers.append((b"host", first_name()))
        elif self._hosts != 1:
            self._stop(Code.BAD_REQUEST, ONE_HOST)
        if version not in {"1.0", "1.1"}:
            self._stop(Code.BAD_REQUEST, "expected HTTP/1.1")

    def _check_upgrade(self) -> None:
        """Check a head that offers another protocol, which is ignored unless it is all that is asked for."""
        if self._parser.get_method() == b"CONNECT":
            self._stop(Code.BAD_REQUEST, "CONNECT: this is no proxy")

    def _exchange(self, *, keep_alive: bool) -> Exchange:
        if len(self._exchanges) >= MAX_PIPELINED:
            detail = f"more than {MAX_PIPELINED} requests wait for their answers on this connection"
            self._count(Code.OVERLOADED, detail)
            problem = Code.OVERLOADED, detail, self._instance()
            return RefusedRequest(self, problem, self._headers, keep_alive=keep_alive)
        return self._fast_request(keep_alive=keep_alive) or self._asgi_request(keep_alive=keep_alive)

    def _fast_request(self, *, keep_alive: bool) -> Exchange | None:
        """Return the exchange of a request that needs no ASGI scope; None: it needs one."""
        if self._parser.get_method() != b"POST":
            return None
        return fast_path.begin(self, acceptance(), self._url, self._headers, keep_alive=keep_alive)

    def _check_transfer(self) -> None:
        # The parser accepts any encodings of which the last one is chunked, and undoes only that.
        codings = b",".join([value.lower() for name, value in self._headers if name == b"transfer-encoding"])
        if codings != b"chunked" and codings.endswith(b"chunked"):
            self._stop(Code.UNSUPPORTED_TRANSFER_ENCODING, "Transfer-Encoding: expected chunked or none")

    def _asgi_request(self, *, keep_alive: bool) -> AsgiRequest:
        self._check_transfer()
        scope = build_scope(self._parser, self._url, self._headers, self.transport, self._config)
        scope["state"] = self._app_state.copy()
        return AsgiRequest(
            self,
            self._config.loaded_app,
            scope,
            keep_alive=keep_alive,
            expects_continue=any(
                name == b"expect" and value.lower() == b"100-continue" for name, value in self._headers
            ),
            tasks=self._server.tasks,
        )

    def _start_first(self) -> None:
        """Start the first request, and those behind it that are answered at once."""
        # A loop, since an answer leads back here: requests that were sent in one piece would be answered inside each other.
        if self._is_starting:
            return
        self._is_starting = True
        try:
            while self._exchanges and self._can_start(first := self._exchanges[0]) and self._has_turn():
                first.is_running = True
                first.start()
        finally:
            self._is_starting = False

    def _take_turn(self) -> None:
        """Go on with the requests of this connection, after all others had their turn."""
        self._next_turn, self._turn_ends = None, 0.0
        self._start_first()

    def _can_start(self, first: Exchange) -> bool:
        if first.is_running or not (first.is_whole or not first.needs_whole_body):
            return False
        return self._writable.is_set() and not self.transport.is_closing()

    def _has_turn(self) -> bool:
        """Return whether a request may start now; if the turn is over, the next one is asked for."""
        if self._next_turn is not None:
            return False
        now = perf_counter()
        if not self._turn_ends:
            self._turn_ends = now + TURN_SECONDS
        elif now > self._turn_ends:
            self._next_turn = self.loop.call_soon(self._take_turn)
            return False
        return True

    def _stop(self, code: Code, detail: str) -> NoReturn:
        self._refusal = code, detail
        raise StopParsing

    def _end_parsing(self) -> None:
        """Reject what the parser stopped at."""
        self._reject(*(self._refusal or (Code.BAD_REQUEST, "this is not well-formed HTTP/1.1")))

    def _reject(self, code: Code, detail: str) -> None:
        """Send one error response and ignore all further input."""
        if self._is_closed:
            return
        self._is_closed = True
        self._timer.stage = Stage.NOTHING
        self._timer.arm()
        first = self._exchanges[0] if self._exchanges else None
        if first is not None and first.is_whole:
            # A whole request came before; its answer is the last one.
            first.keep_alive = False
            self._exchanges = deque([first])
            return
        if first is not None:
            self._lose(first)  # this request will never be whole
        # A body that goes wrong after its request was answered gets no second answer.
        last = self._receiving
        if last is None or last.is_whole or not last.has_started:
            # Callbacks of a loop share one context: what is stored in it would be every later request's.
            contextvars.Context().run(self._refuse, code, detail)
        self.close()

    def _refuse(self, code: Code, detail: str) -> None:
        request_context.begin(dict(self._headers))
        self._count(code, detail)
        problem = response.problem(code, detail, instance=self._instance(), headers=[CLOSE])
        self.transport.write(serialize(problem, self.default_headers()))

    def _instance(self) -> str:
        """Return the path of the present request; `/` as long as there is none that an answer may repeat."""
        path = self._url.partition(b"?")[0]
        return path.decode() if _PATH.fullmatch(path) else "/"

    def _count(self, code: Code, detail: str) -> None:
        """Count a rejected request, and keep it as an example."""
        metrics.answered[status_of(code)] += 1
        metrics.refused[code].inc()
        examples.note_refused(code, detail, Attempt(Way.HTTP, self._instance()))

    def _lose(self, *exchanges: Exchange) -> None:
        for exchange in exchanges:
            exchange.is_lost = True
            exchange.wake()

    def _time_out(self) -> None:
        if self._timer.stage is Stage.NOTHING or (not self._head and not self._pieces):
            self.close()  # no request was begun
        else:
            self._reject(Code.REQUEST_TIMEOUT, "the request did not arrive in time")

    def _is_too_large(self) -> bool:
        return max(self._pieces, self._framing, self._head) > receiver_limits().max_header_bytes


def _too_large() -> str:
    return f"the headers are larger than {receiver_limits().max_header_bytes:,} bytes"
