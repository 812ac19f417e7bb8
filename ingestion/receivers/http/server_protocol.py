"""What the ingest server asks of HTTP itself, before any application sees a request.

uvicorn's own protocol takes headers of any size and number, no Host at all, and waits for a slow sender for ever.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, NoReturn, cast

import httptools
from django.conf import settings
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ingestion import metrics
from ingestion.acceptance.intake import Caller
from ingestion.problems import Code, status_of
from ingestion.receivers.http import fast_path, responses
from ingestion.receivers.http.endpoints import RequestHead
from ingestion.receivers.http.fast_path import FastRequest
from ingestion.receivers.http.host_check import ONE_HOST, WRONG_HOST, ours, too_many
from ingestion.receivers.http.responses import Answer
from ingestion.runtime.limits import receiver_limits

MAX_URL_BYTES = 8 * 1024
_HEADER_OVERHEAD = 4  # bytes: the colon, the space and the line's end


Cycle = RequestResponseCycle | FastRequest


class _StopParsing(Exception):
    """Stops the parser; what to answer stands in the protocol."""


class Stage(Enum):
    """Which part of a request is awaited."""

    NOTHING = "nothing"
    HEADERS = "headers"
    BODY = "body"


class ReceiverProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits; name it as `--http ingestion.receivers.http.server_protocol:DoorProtocol`."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._stage = Stage.NOTHING
        self._timed = Stage.NOTHING  # the stage that the timer is for
        self._timer: asyncio.TimerHandle | None = None
        self._pieces = 0  # bytes of the present head that came after its first piece
        self._head = 0  # bytes of its whole headers
        self._hosts = 0
        self._refusal: tuple[Code, str] | None = None
        self._quick: FastRequest | None = None  # the present request, if it needs no task
        self._running: Cycle | None = None  # the one that is being answered; others of its connection wait behind it
        self._idle_since: float | None = None  # on the loop's clock; None while a request is on its way
        self._patience: asyncio.TimerHandle | None = None  # looks now and then whether the connection is idle
        self._closed = False  # nothing that comes after a refusal counts

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._stage = Stage.HEADERS
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stage = Stage.NOTHING
        self._arm()
        if self._patience is not None:
            self._patience.cancel()
        if self._running is not None:
            _give_up(self._running)  # uvicorn tells the last request alone
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        self._idle_since = None
        # The parser tells of a header only when it is whole, so one without an end is counted here.
        self._pieces += len(data) if self._stage is Stage.HEADERS else 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(*(self._refusal or (Code.BAD_REQUEST, "this is not well-formed HTTP/1.1")))
        except httptools.HttpParserUpgrade:
            self._refuse(Code.BAD_REQUEST, "Upgrade: the door speaks plain HTTP/1.1 only")
        if self._stage is Stage.HEADERS and self._pieces > receiver_limits().max_header_bytes:
            self._refuse(Code.HEADERS_TOO_LARGE, _too_large())
        if self._stage is not self._timed:
            self._arm()

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._stage = Stage.HEADERS
        self._pieces = self._head = self._hosts = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._stop(Code.HEADERS_TOO_LARGE, f"the address is longer than {MAX_URL_BYTES:,} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        self._head += len(name) + len(value) + _HEADER_OVERHEAD
        if name == b"host":
            self._hosts += 1
            if not ours(value):
                self._stop(Code.BAD_REQUEST, WRONG_HOST)
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        # Not header by header: all that came with the first piece is parsed at once, and further ones are counted there.
        if self._head > receiver_limits().max_header_bytes:
            self._stop(Code.HEADERS_TOO_LARGE, _too_large())
        if len(self.headers) > receiver_limits().max_headers:
            self._stop(Code.HEADERS_TOO_LARGE, too_many())
        if self._hosts != 1:
            self._stop(Code.BAD_REQUEST, ONE_HOST)
        if self.parser.get_http_version() not in {"1.0", "1.1"}:
            self._stop(Code.BAD_REQUEST, "expected HTTP/1.1")
        if self.parser.should_upgrade():
            # The parser would take the body for the other protocol's.
            self._stop(Code.BAD_REQUEST, "Upgrade: the door speaks plain HTTP/1.1 only")
        self._stage = Stage.BODY
        taken = fast_path.try_fast_path(self.url, self.headers) if self.parser.get_method() == b"POST" else None
        if taken is None:
            self._quick = None
            self._begin_scope()
            super().on_headers_complete()
        else:
            self._begin_quickly(*taken)

    def on_body(self, body: bytes) -> None:
        if self._quick is None:
            super().on_body(body)
        else:
            self._quick.body.append(body)

    def on_message_complete(self) -> None:
        self._stage = self._timed = Stage.NOTHING
        self._disarm()
        super().on_message_complete()
        if self._quick is not None:
            self._quick.go_on()

    def _write(self, reply: Answer) -> None:
        self.transport.write(fast_path.serialize(reply, self.server_state.default_headers))
        if fast_path.CLOSE in reply.headers:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one; as uvicorn does, but for its two timer calls a request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self._patience is None:
            self._patience = self.loop.call_later(self.timeout_keep_alive, self._leave_if_idle)

    def _leave_if_idle(self) -> None:
        self._patience = None
        if self._idle_since is None or self.transport.is_closing():
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._patience = self.loop.call_later(left, self._leave_if_idle)
        else:
            self.transport.close()

    def _begin_scope(self) -> None:
        """Make the scope, now that one is needed."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers

    def _begin_quickly(self, asked: RequestHead, caller: Caller) -> None:
        before: RequestResponseCycle | None = self.cycle
        cycle = self._quick = FastRequest(
            asked,
            caller,
            transport=self.transport,
            keep_alive=self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive(),
            write=self._write,
        )
        # It has what uvicorn's protocol uses of its own.
        self.cycle = cast("RequestResponseCycle", cycle)
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _start_asgi_task(self, cycle: Cycle, app: ASGI3Application) -> None:
        self._running = cycle
        if isinstance(cycle, FastRequest):
            cycle.start()
        else:
            super()._start_asgi_task(cycle, app)

    def _stop(self, code: Code, detail: str) -> NoReturn:
        self._refusal = code, detail
        raise _StopParsing

    def _refuse(self, code: Code, detail: str) -> None:
        """Answer once and let nothing more in."""
        if self._closed:
            return
        self._closed = True
        self._stage = Stage.NOTHING
        self._arm()
        running = self._running
        if running is not None and not running.response_complete and not running.more_body:
            # A whole request came before; its answer is the last one.
            running.keep_alive = False
            self.pipeline.clear()
            return
        if running is not None and running.more_body:
            _give_up(running)  # this request will never be whole
        # A body that goes wrong after its request was answered gets no second answer.
        if running is None or not (running.more_body and running.response_started):
            metrics.answered(status_of(code))
            metrics.refused(code)
            reply = responses.problem(code, detail, headers=[fast_path.CLOSE])
            self.transport.write(fast_path.serialize(reply, self.server_state.default_headers))
        self.transport.close()

    def _arm(self) -> None:
        self._disarm()
        self._timed = self._stage
        if self._stage is not Stage.NOTHING:
            wait = settings.DATAFLOW_BODY_SECONDS if self._stage is Stage.BODY else settings.DATAFLOW_HEADER_SECONDS
            self._timer = self.loop.call_later(wait, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if self._timed is Stage.HEADERS and not self._head and not self._pieces:
            self.transport.close()  # nobody asked for anything
        else:
            self._refuse(Code.REQUEST_TIMEOUT, "the request did not arrive in time")


def _give_up(cycle: Cycle) -> None:
    """Let nobody write or wait for a request that has lost its client."""
    cycle.disconnected = True
    cycle.message_event.set()


def _too_large() -> str:
    return f"the headers are larger than {receiver_limits().max_header_bytes:,} bytes"
