"""Server reflection, with a bound to its calls: it needs no key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

import grpc
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

MESSAGE_SECONDS = 5.0  # for each question
MAX_CALLS = 50  # at one time

Questions = AsyncIterator[ServerReflectionRequest]
Answers = AsyncIterator[ServerReflectionResponse]
ReflectionContext = grpc.aio.ServicerContext[ServerReflectionRequest, ServerReflectionResponse]


class Reflection:
    """The library's service, for a few callers at a time, each of which has to ask."""

    def __init__(self, services: Sequence[str]) -> None:
        self._servicer = reflection.aio.ReflectionServicer([*services, reflection.SERVICE_NAME])
        self._calls = 0

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers of the service's one method."""
        read, write = ServerReflectionRequest.FromString, ServerReflectionResponse.SerializeToString
        methods: dict[str, grpc.RpcMethodHandler[ServerReflectionRequest, ServerReflectionResponse]] = {
            "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(self._answer, read, write)
        }
        return grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, methods)

    async def _answer(self, questions: Questions, context: ReflectionContext) -> Answers:
        if self._calls >= MAX_CALLS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls of server reflection")
        self._calls += 1
        try:
            async for answer in cast("Answers", self._servicer.ServerReflectionInfo(_in_time(questions), context)):
                yield answer
        finally:
            self._calls -= 1


async def _in_time(questions: Questions) -> Questions:
    """Return questions until there is none, or the next one takes too long."""
    while True:
        try:
            async with asyncio.timeout(MESSAGE_SECONDS):
                question = await anext(questions)
        except (StopAsyncIteration, TimeoutError):
            return
        yield question
