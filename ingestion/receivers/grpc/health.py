"""grpc.health.v1: SERVING while Kafka answers, since the receiver needs nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import grpc
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from ingestion.kafka.group_commit import publisher
from ingestion.receivers.grpc.open_calls import address

CHECK_SECONDS = 1.0  # between two checks of Kafka
AWAY_SECONDS = 0.1  # the same, until it answers: callers wait for that
MESSAGE_SECONDS = 5.0  # for a call to send its message
MAX_WATCHES = 200  # at one time
MAX_WATCHES_PER_ADDRESS = 20

HealthContext = grpc.aio.ServicerContext[HealthCheckRequest, HealthCheckResponse]


class Health:
    """The health service: one status for the server as a whole and for each service.

    Its calls take no place of those that bring events, and no key.
    """

    def __init__(self, services: list[str]) -> None:
        self._servicer = health.aio.HealthServicer()
        self._services = ["", *services]
        self._checking: asyncio.Task[None] | None = None
        self._watches: Counter[str] = Counter()

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers of the service's methods."""
        # As streams of one message, whose arrival has a deadline.
        read, write = HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString
        methods: dict[str, grpc.RpcMethodHandler[HealthCheckRequest, HealthCheckResponse]] = {
            "Check": grpc.stream_unary_rpc_method_handler(self._check, read, write),
            "Watch": grpc.stream_stream_rpc_method_handler(self._watch, read, write),
        }
        return grpc.method_handlers_generic_handler(health.SERVICE_NAME, methods)

    async def start(self) -> None:
        """Start checking Kafka."""
        await self._set(is_serving=False)
        self._checking = asyncio.create_task(self._keep_checking())

    async def close(self) -> None:
        """Report NOT_SERVING from now on, so that balancers send no new calls."""
        if self._checking is not None:
            self._checking.cancel()
        await self._servicer.enter_graceful_shutdown()

    async def _check(self, _requests: AsyncIterator[HealthCheckRequest], context: HealthContext) -> HealthCheckResponse:
        answer: HealthCheckResponse = await self._servicer.Check(await _message(context), context)
        return answer

    async def _watch(self, _requests: AsyncIterator[HealthCheckRequest], context: HealthContext) -> None:
        caller = address(context.peer())
        if self._watches.total() >= MAX_WATCHES or self._watches[caller] >= MAX_WATCHES_PER_ADDRESS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watches; use Check, or share one")
        self._watches[caller] += 1
        try:
            await self._servicer.Watch(await _message(context), context)
        finally:
            self._watches[caller] -= 1
            if not self._watches[caller]:
                del self._watches[caller]

    async def _keep_checking(self) -> None:
        while True:
            is_serving = await publisher().latency() is not None
            await self._set(is_serving=is_serving)
            await asyncio.sleep(CHECK_SECONDS if is_serving else AWAY_SECONDS)

    async def _set(self, *, is_serving: bool) -> None:
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        for service in self._services:
            await self._servicer.set(service, status)


async def _message(context: HealthContext) -> HealthCheckRequest:
    """Read the one message of a call."""
    message: object = None
    with suppress(TimeoutError):
        async with asyncio.timeout(MESSAGE_SECONDS):
            message = await context.read()
    if not isinstance(message, HealthCheckRequest):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "expected a message")
    return message
