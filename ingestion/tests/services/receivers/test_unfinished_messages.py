from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from deploy.abuse.attacks.unfinished_calls import CALLS, CONNECTIONS, MESSAGE, opened
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.tests.grpc_client import Client, event

pytestmark = pytest.mark.services

MIB = 1024 * 1024
BUDGET = 32 * MIB
# Events in flight, what comes between two measurements, and what the allocator keeps; without a budget 1,050 MB in all.
REST = 256 * MIB


def test_a_key_with_many_unfinished_messages_is_refused_past_the_budget_and_no_neighbour(site: Deployment) -> None:
    _, mine = api_keys.create("hostile", ["ingest"])
    _, theirs = api_keys.create("neighbour", ["ingest"])
    receiver = site.start_grpc({"DATAFLOW_OPEN_INGEST": "0", "DATAFLOW_BODY_BUDGET_BYTES": str(BUDGET)})
    process, client = psutil.Process(receiver.pid), Client(receiver.port)

    def sends() -> float:
        start = time.monotonic()
        client.ingest(event("neighbour"), metadata=(("x-api-key", theirs),))
        return time.monotonic() - start

    sends()
    slowest, before = 0.0, process.memory_info().rss
    largest = before
    # The neighbour has a thread of its own: on the attack's loop an answer would wait for what the attack has to send.
    with client.channel, ThreadPoolExecutor(1) as pool:
        attack = pool.submit(asyncio.run, until_all_are_refused(receiver.port, mine))
        while not attack.done():
            slowest = max(slowest, sends())
            largest = max(largest, process.memory_info().rss)
        attack.result()

    assert largest - before < BUDGET + REST < CONNECTIONS * CALLS * len(MESSAGE) / 3
    assert slowest < 2.0


async def until_all_are_refused(port: int, token: str) -> None:
    async with opened(port, token) as connections, asyncio.timeout(30):
        await asyncio.gather(*[connection.all_ended.wait() for connection in connections])
