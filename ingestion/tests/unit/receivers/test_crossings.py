"""How often one POST goes from one module of ingestion to another, counted by a profile hook."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import ingestion
from ingestion.tests.bad_inputs import chunked, post
from ingestion.tests.client import event
from ingestion.tests.unit.receivers.conftest import NewConnection
from ingestion.tests.unit.receivers.wire import MemoryTransport

# The server's own modules, which know no event: as uvicorn's do, they count as outside.
SERVER = (
    *("server_protocol.py", "asgi_scope.py", "asgi_cycle.py", "exchange.py", "stage_timer.py", "idle_connections.py"),
    *("write_timer.py", "refused_request.py", "body_budget.py"),
)
# What is in the place of the Kafka client's modules, or reads them: outside, as those are.
CLIENT = "/kafka/direct/"
CLIENT_INTERNALS = "/kafka/client_internals.py"
ROOT = str(Path(ingestion.__file__).parent)
ONE = json.dumps(event("counted")).encode()
THREE = json.dumps([event("counted", payload={"n": n}) for n in (1, 2, 3)]).encode()
CALLS = 5  # the first one fills caches; the fewest crossings count, as background tasks may run in between


class Crossings:
    """Counts the steps from one module of ingestion into another and back, on this thread."""

    def __init__(self) -> None:
        self.count = 0
        self.files: set[str] = set()
        self.steps: list[tuple[str, str]] = []
        self._frames: list[tuple[FrameType, str]] = []
        self._now = ""

    def __call__(self, frame: FrameType, what: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if (
            not file.startswith(ROOT)
            or "/tests/" in file
            or CLIENT in file
            or file.endswith((*SERVER, CLIENT_INTERNALS))
        ):
            return
        if what == "call":
            self._frames.append((frame, file))
            self._move(file)
        elif what == "return":
            while self._frames and self._frames.pop()[0] is not frame:
                pass
            if self._frames:
                self._move(self._frames[-1][1])
            else:
                self._now = ""  # the event loop's turn

    def _move(self, file: str) -> None:
        self.files.add(file)
        if self._now and file != self._now:
            self.count += 1
            self.steps.append((Path(self._now).stem, Path(file).stem))
        self._now = file


@pytest.fixture
async def connection(new_connection: NewConnection) -> AsyncIterator[tuple[asyncio.Protocol, MemoryTransport]]:
    protocol, transport = new_connection(), MemoryTransport()
    protocol.connection_made(transport)
    yield protocol, transport
    protocol.connection_lost(None)


async def crossings(protocol: asyncio.Protocol, transport: MemoryTransport, request: bytes) -> Crossings:
    found = []
    for _ in range(CALLS):
        transport.sent = b""
        counted = Crossings()
        sys.setprofile(counted)
        try:
            protocol.data_received(request)
            await transport.wait_for(1)
        finally:
            sys.setprofile(None)
        assert b"HTTP/1.1 202" in transport.sent
        found.append(counted)
        await asyncio.sleep(0.01)
    return min(found, key=lambda counted: counted.count)


# Before there was one acceptance for every receiver: 94 and 96 on the fast path, 96 and 98 through ASGI.
@pytest.mark.parametrize(
    ("form", "body", "most"),
    [(post, ONE, 44), (post, THREE, 44), (chunked, ONE, 62), (chunked, THREE, 62)],
    ids=["fast path, one", "fast path, three", "ASGI, one", "ASGI, three"],
)
async def test_a_post_crosses_between_modules_at_most_so_often(
    connection: tuple[asyncio.Protocol, MemoryTransport], form: Callable[[bytes], bytes], body: bytes, most: int
) -> None:
    counted = await crossings(*connection, form(body))

    assert counted.count <= most, " ".join(f"{a}>{b}" for a, b in counted.steps)
