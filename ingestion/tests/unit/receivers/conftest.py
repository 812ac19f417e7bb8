"""The ingest server in the test's own process, with a Kafka that acknowledges at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop
from uvicorn import Config
from uvicorn.server import ServerState

from ingestion.acceptance.backpressure import backpressure
from ingestion.auth.authenticator import Authenticator, authenticator
from ingestion.kafka import producer
from ingestion.kafka.group_commit import BrokerUnavailable, publisher
from ingestion.problems import Code, RequestRejected
from ingestion.tests.unit.receivers.kafka_stub import KafkaStub

PROTOCOL = "ingestion.receivers.http.server_protocol:ServerProtocol"

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
NewConnection = Callable[[], asyncio.Protocol]


def pytest_asyncio_loop_factories() -> Mapping[str, LoopFactory]:
    """The loop of `make run` and compose, whose callbacks share one context; those of asyncio have one a connection."""
    return {"uvloop": uvloop.new_event_loop}


async def no_answer(_access: Authenticator, _question: object) -> None:
    raise RequestRejected(Code.STORE_UNAVAILABLE, "no PostgreSQL in this test")


async def connected() -> None:
    """Wait until the publisher has its Kafka."""
    while True:
        try:
            return publisher().check_room(1, 1)
        except BrokerUnavailable:
            await asyncio.sleep(0.005)


@pytest.fixture
async def new_connection(settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NewConnection]:
    """Make the protocol of a new connection, as uvicorn does."""
    settings.DATAFLOW_OPEN_INGEST = True
    # No Redis, also where tests before this one have started one: uvloop waits for ever for a connection that is left open.
    settings.REDIS_CONNECTION = {**settings.REDIS_CONNECTION, "host": "127.0.0.1", "port": 9}
    monkeypatch.setattr(producer, "KafkaProducer", KafkaStub)
    monkeypatch.setattr(Authenticator, "ask", no_answer)
    config = Config("ingestion.server:application", http=PROTOCOL, ws="none", lifespan="off")
    config.load()
    build: Any = config.http_protocol_class
    state = ServerState()
    await connected()
    yield lambda: build(config=config, server_state=state, app_state={})
    await publisher().close()
    authenticator().close()
    backpressure().close()


@pytest.fixture
async def port(new_connection: NewConnection) -> AsyncIterator[int]:
    """The port of a listening server."""
    server = await asyncio.get_running_loop().create_server(new_connection, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
