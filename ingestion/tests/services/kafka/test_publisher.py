"""The publisher on the event loops that receivers run on, with a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from deploy.testing.deployment import Deployment
from ingestion.events.model import Event
from ingestion.kafka import group_commit
from ingestion.kafka.group_commit import BUSY, ENOUGH, BrokerUnavailable, Publisher

pytestmark = pytest.mark.services

EVENT = Event("018f0000-0000-8000-8000-000000000000", "a", 1, b"{}")


def submit(publisher: Publisher) -> asyncio.Future[None]:
    return publisher.submit([EVENT], received=1, deadline=publisher.loop.time() + 1)


async def one_by_one(publisher: Publisher, count: int) -> list[asyncio.Future[None]]:
    """Submit events, each in an iteration of the loop of its own."""
    futures = []
    for _ in range(count):
        futures.append(submit(publisher))
        await asyncio.sleep(0)
    return futures


async def connected(topic: str) -> Publisher:
    publisher = Publisher(topic)
    assert publisher._connecting is not None
    await asyncio.wait_for(publisher._connecting, 10)
    return publisher


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("rounds", [(BUSY, BUSY, BUSY), (ENOUGH + 9, ENOUGH)], ids=["as many", "enough"])
def test_under_load_a_flush_starts_as_soon_as_as_many_are_back(
    site: Deployment, monkeypatch: pytest.MonkeyPatch, run: Callable[[Any], None], rounds: tuple[int, ...]
) -> None:
    # Who waits for the interval runs into its deadline.
    monkeypatch.setattr(group_commit, "INTERVAL", 60.0)

    async def send() -> None:
        publisher = await connected(site.raw_topic)
        first, *later = rounds
        try:
            await asyncio.gather(*[submit(publisher) for _ in range(first)])
            for count in later:
                await asyncio.gather(*await one_by_one(publisher, count))
            with pytest.raises(BrokerUnavailable):
                await submit(publisher)
        finally:
            await publisher.close()
            await asyncio.sleep(0.01)  # its transports close in the loop's next iteration

    run(send())
