from __future__ import annotations

import asyncio
from typing import Any

import grpc
import psutil
import pytest

from deploy.abuse.attacks.unfinished_calls import CALLS, CONNECTIONS, MESSAGE, opened
from deploy.local import ports
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc.server import SERVICE
from ingestion.tests.grpc_client import event

pytestmark = pytest.mark.services

MIB = 1024 * 1024
BUDGET = 32 * MIB
# Events in flight, what comes between two measurements, and what the allocator keeps; without a budget 1,050 MB in all.
REST = 256 * MIB


def test_a_key_with_many_unfinished_messages_is_refused_past_the_budget_and_no_neighbour(site: Deployment) -> None:
    _, mine = api_keys.create("hostile", ["ingest"])
    _, theirs = api_keys.create("neighbour", ["ingest"])
    receiver = site.start_grpc({"DATAFLOW_OPEN_INGEST": "0", "DATAFLOW_BODY_BUDGET_BYTES": str(BUDGET)})
    process = psutil.Process(receiver.pid)

    async def run() -> int:
        async with grpc.aio.insecure_channel(f"{ports.HOST}:{receiver.port}") as channel:
            await sends(channel, theirs)
            before = largest = process.memory_info().rss
            async with opened(receiver.port, mine) as connections, asyncio.timeout(30):
                while not all(connection.all_ended.is_set() for connection in connections):
                    await sends(channel, theirs)
                    largest = max(largest, process.memory_info().rss)
            return largest - before

    assert asyncio.run(run()) < BUDGET + REST < CONNECTIONS * CALLS * len(MESSAGE) / 3


async def sends(channel: grpc.aio.Channel, token: str) -> None:
    """Send an event, which must be accepted; how fast it is `make abuse` measures, alone on its machine."""
    message = ingestion_pb2.IngestRequest(event=event("neighbour")).SerializeToString()
    ingest: Any = channel.unary_unary(f"/{SERVICE}/Ingest")
    await ingest(message, metadata=(("x-api-key", token),), timeout=20)
