"""grpc.health.v1: SERVING while Kafka answers, since the door needs nothing else."""

from __future__ import annotations

import asyncio

from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse

from ingestion.publisher import BrokerUnavailable, publisher

LOOK_SECONDS = 1.0  # between two looks at Kafka


class Health:
    """What the health service says, of the server as a whole and of each service."""

    def __init__(self, services: list[str]) -> None:
        self.servicer = health.aio.HealthServicer()
        self._services = ["", *services]
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look at Kafka from now on."""
        await self._say(is_serving=False)
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Say NOT_SERVING from now on, so that nobody new comes."""
        if self._looking is not None:
            self._looking.cancel()
        await self.servicer.enter_graceful_shutdown()

    async def _look(self) -> None:
        while True:
            await self._say(is_serving=await _kafka_answers())
            await asyncio.sleep(LOOK_SECONDS)

    async def _say(self, *, is_serving: bool) -> None:
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        for service in self._services:
            await self.servicer.set(service, status)


async def _kafka_answers() -> bool:
    try:
        await publisher().latency()
    except BrokerUnavailable:
        return False
    return True
