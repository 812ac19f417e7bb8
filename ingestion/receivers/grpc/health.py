"""grpc.health.v1: SERVING while Kafka answers, since the receiver needs nothing else."""

from __future__ import annotations

import asyncio

from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse

from ingestion.kafka.group_commit import publisher

CHECK_SECONDS = 1.0  # between two checks of Kafka


class Health:
    """The health service: one status for the server as a whole and for each service."""

    def __init__(self, services: list[str]) -> None:
        self.servicer = health.aio.HealthServicer()
        self._services = ["", *services]
        self._checking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start checking Kafka."""
        await self._set(is_serving=False)
        self._checking = asyncio.create_task(self._keep_checking())

    async def close(self) -> None:
        """Report NOT_SERVING from now on, so that balancers send no new calls."""
        if self._checking is not None:
            self._checking.cancel()
        await self.servicer.enter_graceful_shutdown()

    async def _keep_checking(self) -> None:
        while True:
            await self._set(is_serving=await publisher().latency() is not None)
            await asyncio.sleep(CHECK_SECONDS)

    async def _set(self, *, is_serving: bool) -> None:
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        for service in self._services:
            await self.servicer.set(service, status)
