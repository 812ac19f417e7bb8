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
from uvicorn import Config
from uvicorn.server import ServerState

import ingestion
from ingestion.acceptance.backpressure import backpressure
from ingestion.auth.authenticator import Authenticator, authenticator
from ingestion.kafka import producer
from ingestion.kafka.group_commit import publisher
from ingestion.problems import Code, RequestRejected
from ingestion.tests.bad_inputs import chunked, post
from ingestion.tests.client import event

# The server's own modules, which know no event: as uvicorn's do, they count as outside.
SERVER = ("server_protocol.py", "asgi_cycle.py", "exchange.py", "stage_timer.py")
ROOT = str(Path(ingestion.__file__).parent)
PROTOCOL = "ingestion.receivers.http.server_protocol:ServerProtocol"
ONE = json.dumps(event("counted")).encode()
THREE = json.dumps([event("counted", payload={"n": n}) for n in (1, 2, 3)]).encode()
CALLS = 5  # the first one fills caches; the fewest crossings count, as background tasks may run in between


class AcknowledgedFuture:
    """What the Kafka client returns for a record that the broker has."""

    def add_callback(self, callback: Callable[[object], object]) -> AcknowledgedFuture:
        callback(None)
        return self

    def add_errback(self, _: object) -> AcknowledgedFuture:
        return self


class KafkaStub:
    """A Kafka client whose broker acknowledges at once."""

    def __init__(self, **_: object) -> None:
        pass

    def partitions_for(self, _: str) -> set[int]:
        return {0, 1, 2}

    def send(self, _: str, **_record: object) -> AcknowledgedFuture:
        return AcknowledgedFuture()

    def close(self, timeout: float) -> None:
        pass


class Connection(asyncio.Transport):
    """A client's connection in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.answered = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)
        if b"}" in self.sent:
            self.answered.set()

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


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
        if not file.startswith(ROOT) or "/tests/" in file or file.endswith(SERVER):
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


async def no_answer(_access: Authenticator, _question: object) -> None:
    raise RequestRejected(Code.STORE_UNAVAILABLE, "no PostgreSQL in this test")


@pytest.fixture
async def connection(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[asyncio.Protocol, Connection]]:
    settings.DATAFLOW_OPEN_INGEST = True
    monkeypatch.setattr(producer, "KafkaProducer", KafkaStub)
    monkeypatch.setattr(Authenticator, "ask", no_answer)
    config = Config("ingestion.server:application", http=PROTOCOL, ws="none", lifespan="off")
    config.load()
    build: Any = config.http_protocol_class
    protocol = build(config=config, server_state=ServerState(), app_state={}, _loop=asyncio.get_running_loop())
    transport = Connection()
    protocol.connection_made(transport)
    await asyncio.sleep(0.05)
    yield protocol, transport
    protocol.connection_lost(None)
    await publisher().close()
    authenticator().close()
    backpressure().close()


async def crossings(protocol: asyncio.Protocol, transport: Connection, request: bytes) -> Crossings:
    found = []
    for _ in range(CALLS):
        transport.sent = b""
        transport.answered.clear()
        counted = Crossings()
        sys.setprofile(counted)
        try:
            protocol.data_received(request)
            await transport.answered.wait()
        finally:
            sys.setprofile(None)
        assert b"HTTP/1.1 202" in transport.sent
        found.append(counted)
        await asyncio.sleep(0.01)
    return min(found, key=lambda counted: counted.count)


# Before there was one acceptance for every receiver: 94 and 96 on the fast path, 96 and 98 through ASGI.
@pytest.mark.parametrize(
    ("form", "body", "most"),
    [(post, ONE, 46), (post, THREE, 46), (chunked, ONE, 62), (chunked, THREE, 62)],
    ids=["fast path, one", "fast path, three", "ASGI, one", "ASGI, three"],
)
async def test_a_post_crosses_between_modules_at_most_so_often(
    connection: tuple[asyncio.Protocol, Connection], form: Callable[[bytes], bytes], body: bytes, most: int
) -> None:
    counted = await crossings(*connection, form(body))

    assert counted.count <= most, " ".join(f"{a}>{b}" for a, b in counted.steps)
