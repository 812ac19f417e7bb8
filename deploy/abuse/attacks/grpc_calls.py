"""Attacks on the gRPC receiver."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import grpc

from deploy.abuse.attacks import exchanges
from deploy.abuse.target import HOST, Target

CHANNELS = 10
CALLS = 100  # a channel


async def idle_streams(target: Target, until: float) -> None:
    """1,000 streams over 10 connections without a key and without a message."""
    await _idle(target, until, "/dataflow.ingest.v1.Ingestion/IngestStream")


async def idle_watches(target: Target, until: float) -> None:
    """1,000 watches of the health over 10 connections."""
    await _idle(target, until, "/grpc.health.v1.Health/Watch", b"")


async def _idle(target: Target, until: float, method: str, *messages: bytes) -> None:
    channels = [
        grpc.aio.insecure_channel(f"{HOST}:{target.grpc}", options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(CHANNELS)
    ]

    async def one(channel: grpc.aio.Channel) -> None:
        with suppress(grpc.RpcError, asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout_at(until):
                streams: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
                call = streams(wait_for_ready=True)
                for message in messages:
                    await call.write(message)
                async for _ in call:
                    pass

    async with asyncio.TaskGroup() as group:
        for channel in channels:
            for _ in range(CALLS):
                group.create_task(one(channel))
        await exchanges.rest_until(until)
    for channel in channels:
        await channel.close()
