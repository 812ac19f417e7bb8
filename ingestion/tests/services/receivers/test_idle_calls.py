"""Calls that are opened and not used take no place that others need."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest

from deploy.local import ports
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc import health_probe
from ingestion.receivers.grpc.server import SERVICE
from ingestion.tests.grpc_client import event

pytestmark = pytest.mark.services

CONNECTIONS = 10
CALLS = 60  # of each connection and kind
WAIT = 3.0  # seconds for a first message
PER_KEY = 50
ENV = {
    "DATAFLOW_OPEN_INGEST": "0",
    "DATAFLOW_GRPC_FIRST_MESSAGE_SECONDS": str(WAIT),
    "DATAFLOW_GRPC_CALLS_PER_KEY": str(PER_KEY),
    "DATAFLOW_BODY_SECONDS": str(WAIT),
}
# Another subchannel pool is another connection.
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


def metadata(token: str) -> tuple[tuple[str, str], ...]:
    return (("x-api-key", token),) if token else ()


class Crowd:
    """Connections with calls that send nothing."""

    def __init__(self, address: str) -> None:
        self._channels = [grpc.aio.insecure_channel(address, options=OWN_CONNECTION) for _ in range(CONNECTIONS)]
        self.calls: dict[str, list[Any]] = {}

    def open(self, kind: str, method: str, token: str = "", *, calls: int = CALLS) -> None:
        for channel in self._channels:
            stream: Any = channel.stream_stream(method)
            self.calls.setdefault(kind, []).extend([stream(metadata=metadata(token)) for _ in range(calls)])

    async def ends(self, kind: str) -> Counter[str]:
        """Return how the calls of a kind ended."""
        codes = await asyncio.wait_for(asyncio.gather(*[call.code() for call in self.calls[kind]]), 30)
        return Counter(code.name for code in codes)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()


async def crowded(port: int, mine: str, theirs: str) -> tuple[float, dict[str, Counter[str]]]:
    """Send events beside idle calls; return the seconds of a usual one, and how the idle calls ended."""
    address = f"{ports.HOST}:{port}"
    crowd = Crowd(address)
    crowd.open("without a key", f"/{SERVICE}/IngestStream")
    crowd.open("a key's streams", f"/{SERVICE}/IngestStream", mine)
    crowd.open("unary", f"/{SERVICE}/Ingest", mine, calls=20)
    crowd.open("watches", "/grpc.health.v1.Health/Watch")
    crowd.open("checks", health_probe.METHOD, calls=20)
    crowd.open("reflection", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", calls=20)
    try:
        usual = await neighbour(address, theirs)
        return usual, {kind: await crowd.ends(kind) for kind in crowd.calls}
    finally:
        await crowd.close()


async def neighbour(address: str, token: str) -> float:
    """Send events and check the health; return the median seconds of a turn."""
    message = ingestion_pb2.IngestRequest(event=event("neighbour")).SerializeToString()
    turns = []
    async with grpc.aio.insecure_channel(address, options=OWN_CONNECTION) as channel:
        ingest: Any = channel.unary_unary(f"/{SERVICE}/Ingest")
        check: Any = channel.unary_unary(health_probe.METHOD, request_serializer=HealthCheckRequest.SerializeToString)
        for _ in range(50):
            began = time.monotonic()
            await ingest(message, metadata=metadata(token), timeout=20)
            await check(HealthCheckRequest(), timeout=20)
            turns.append(time.monotonic() - began)
    return statistics.median(turns)


def test_a_valid_call_is_served_beside_thousands_of_idle_ones_and_those_end(site: Deployment) -> None:
    _, mine = api_keys.create("hostile", ["ingest"])
    _, theirs = api_keys.create("neighbour", ["ingest"])
    process = site.start_grpc(ENV)

    usual, ends = asyncio.run(crowded(process.port, mine, theirs))

    assert usual < 1.0
    # All have ended; on a busy machine some connections did before.
    codes = {kind: set(found) - {"UNAVAILABLE"} for kind, found in ends.items()}
    assert codes["without a key"] == {"UNAUTHENTICATED"}
    assert codes["a key's streams"] == {"RESOURCE_EXHAUSTED"}
    assert codes["unary"] <= {"RESOURCE_EXHAUSTED"}
    assert codes["watches"] <= {"RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"}
    assert codes["checks"] <= {"INVALID_ARGUMENT"}
    assert codes["reflection"] <= {"RESOURCE_EXHAUSTED", "OK"}


def test_a_stream_that_goes_quiet_ends_and_its_place_is_free(site: Deployment) -> None:
    env = {"DATAFLOW_OPEN_INGEST": "1", "DATAFLOW_GRPC_IDLE_SECONDS": "1", "DATAFLOW_GRPC_CALLS_PER_KEY": "1"}
    process = site.start_grpc(env)

    async def run() -> list[Any]:
        async with grpc.aio.insecure_channel(f"{ports.HOST}:{process.port}") as channel:
            message = ingestion_pb2.IngestBatchRequest(events=[event("quiet")]).SerializeToString()
            ends = []
            for _ in range(2):
                stream: Any = channel.stream_stream(f"/{SERVICE}/IngestStream")()
                await stream.write(message)
                answer = ingestion_pb2.IngestStreamResponse.FromString(await stream.read())
                began = time.monotonic()
                ends.append((answer.outcome.accepted, await stream.code(), time.monotonic() - began > 0.5))
            return ends

    site.wait_for(lambda: health_probe.serves(f"{ports.HOST}:{process.port}"), 20)
    assert asyncio.run(run()) == [(1, grpc.StatusCode.UNAVAILABLE, True)] * 2
