from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingestion.kafka import producer
from ingestion.kafka.group_commit import publisher
from ingestion.problems import Code, RequestRejected
from ingestion.receivers.grpc.message_budget import CALM_SECONDS, MessageBudget, largest_message
from ingestion.runtime import heap
from ingestion.tests.unit.receivers.conftest import connected
from ingestion.tests.unit.receivers.kafka_stub import KafkaStub

MIB = 1024 * 1024

pytestmark = pytest.mark.skipif(heap.bytes_in_use() is None, reason="this system does not tell the memory in use")


@pytest.fixture(autouse=True)
async def small(settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    settings.DATAFLOW_MAX_BODY_BYTES = 5 * MIB
    settings.DATAFLOW_BODY_BUDGET_BYTES = 32 * MIB
    monkeypatch.setattr(producer, "KafkaProducer", KafkaStub)
    await connected()
    yield
    await publisher().close()


async def test_past_the_budget_the_caller_that_awaits_most_messages_is_refused() -> None:
    budget, never = MessageBudget(), asyncio.Event()
    callers = ["greedy"] * 20 + ["modest"] * 2
    reads = [asyncio.create_task(budget.read(never.wait, caller, seconds=30)) for caller in callers]
    await asyncio.sleep(3 * CALM_SECONDS)
    assert not any(read.done() for read in reads)

    held = bytearray(16 * MIB + largest_message())
    await asyncio.sleep(3 * CALM_SECONDS)

    del held
    refused = [isinstance(read.done() and read.exception(), RequestRejected) for read in reads]
    assert refused == [caller == "greedy" for caller in callers]
    assert {getattr(read.exception(), "code", None) for read in reads[:20]} == {Code.TOO_MUCH_UNFINISHED}
    await end(reads)


async def test_reads_that_end_slowly_are_refused_once() -> None:
    budget, never, errors = MessageBudget(), asyncio.Event(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))

    async def ends_slowly() -> bytes:
        try:
            await never.wait()
        finally:
            await asyncio.sleep(3 * CALM_SECONDS)
        return b""

    reads = [asyncio.create_task(budget.read(ends_slowly, "greedy", seconds=30)) for _ in range(20)]
    held = bytearray(16 * MIB + largest_message())
    await asyncio.sleep(3 * CALM_SECONDS)

    found = await asyncio.gather(*reads, return_exceptions=True)
    del held
    assert [getattr(refused, "code", None) for refused in found] == [Code.TOO_MUCH_UNFINISHED] * 20
    assert not errors


async def test_memory_of_something_else_ends_no_call_while_few_messages_are_awaited() -> None:
    budget, never = MessageBudget(), asyncio.Event()
    held = bytearray(64 * MIB)
    reads = [asyncio.create_task(budget.read(never.wait, "modest", seconds=30)) for _ in range(3)]

    await asyncio.sleep(3 * CALM_SECONDS)

    del held
    assert not any(read.done() for read in reads)
    await end(reads)


async def test_a_message_that_does_not_come_in_time_is_a_request_timeout() -> None:
    with pytest.raises(RequestRejected) as caught:
        await MessageBudget().read(asyncio.Event().wait, "", seconds=0.01)

    assert caught.value.code is Code.REQUEST_TIMEOUT


async def end(reads: list[asyncio.Task[bytes | None]]) -> None:
    for read in reads:
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)
