"""The gRPC process: its services and limits, its start and its end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal

import grpc
from django.conf import settings
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ingestion import intake
from ingestion.access import access
from ingestion.grpc_door import unary
from ingestion.grpc_door.calls import Context
from ingestion.grpc_door.health import Health
from ingestion.grpc_door.stream import Stream
from ingestion.guard import guard
from ingestion.heartbeat import heartbeat
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2 as wire
from ingestion.publisher import publisher

logger = logging.getLogger(__name__)

SERVICE = wire.DESCRIPTOR.services_by_name["Ingestion"].full_name
GRACE = 10.0  # seconds for what is in flight when a signal comes
MAX_CALLS = 1_000  # at one time, over all connections; a stream is one
OVERHEAD = 64 * 1024  # bytes that a message of the largest body may have beside it
IDENTITY_ONLY = 1  # a bit for each compression: https://grpc.github.io/grpc/core/group__grpc__arg__keys.html


class CannotListen(Exception):
    """The port is taken, or the address is none of this machine's."""


class Server:
    """One event loop's server."""

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._health = Health([SERVICE])
        self._server = grpc.aio.server(options=_options(), maximum_concurrent_rpcs=MAX_CALLS)
        self._server.add_generic_rpc_handlers((self._handlers(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, self._server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)

    async def start(self, address: str) -> None:
        """Listen, and look for Kafka.

        :raises CannotListen: at that address nobody can
        """
        try:
            self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise CannotListen(address) from error
        publisher()
        access()
        guard()
        heartbeat("grpc")
        await self._health.start()
        await self._server.start()
        # What lives from here to the end need not be looked at by every collection.
        gc.collect()
        gc.freeze()

    async def stop(self) -> None:
        """Take nothing more, answer what is in flight, then leave everything."""
        await self._health.close()
        for stream in self._streams:
            stream.stop()
        await self._server.stop(GRACE)
        await publisher().close()
        access().close()
        await heartbeat("grpc").close()
        guard().close()

    async def _run_stream(self, _requests: object, context: Context) -> None:
        stream = Stream(context)
        self._streams.add(stream)
        try:
            await stream.run()
        finally:
            self._streams.discard(stream)

    def _handlers(self) -> grpc.GenericRpcHandler:
        # As streams of one message, which look the same on the wire, calls are seen before their message is read.
        # Without serializers messages come as bytes, so that one which can't be decoded is answered as over HTTP.
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Ingest": grpc.stream_unary_rpc_method_handler(unary.answering(unary.ingest)),
            "IngestBatch": grpc.stream_unary_rpc_method_handler(unary.answering(unary.ingest_batch)),
            "IngestStream": grpc.stream_stream_rpc_method_handler(self._run_stream),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)


async def run(address: str) -> None:
    """Serve until a signal comes.

    :raises CannotListen: at that address nobody can
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = Server()
    await server.start(address)
    logger.info("the gRPC door is open", extra={"address": address})
    await stopping.wait()
    await server.stop()
    logger.info("the gRPC door is closed")


def _options() -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", intake.max_body_bytes() + OVERHEAD),
        # The soft limit would refuse at random between the two.
        ("grpc.max_metadata_size", settings.DATAFLOW_MAX_HEADER_BYTES),
        ("grpc.absolute_max_metadata_size", settings.DATAFLOW_MAX_HEADER_BYTES),
        # The limit of a message holds before it is unpacked, so a small one could grow without bound.
        ("grpc.compression_enabled_algorithms_bitset", IDENTITY_ONLY),
        # A second process on the same port would share its connections without a word.
        ("grpc.so_reuseport", 0),
        # A client that vanished is noticed, and its streams are given up.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]
