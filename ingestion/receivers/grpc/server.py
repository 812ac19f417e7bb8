"""The gRPC server: services, limits, start and stop."""

from __future__ import annotations

import asyncio
import logging
import signal

import grpc
from django.conf import settings
from grpc_health.v1 import health

from ingestion import lifecycle
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc import http_probe, unary
from ingestion.receivers.grpc.call import Context
from ingestion.receivers.grpc.health import Health
from ingestion.receivers.grpc.message_budget import largest_message, message_budget
from ingestion.receivers.grpc.reflection import Reflection
from ingestion.receivers.grpc.stream import Stream

logger = logging.getLogger(__name__)

SERVICE = ingestion_pb2.DESCRIPTOR.services_by_name["Ingestion"].full_name
GRACE = 10.0  # seconds for the calls in flight after a signal
MIN_PING_INTERVAL = 5_000  # milliseconds between two pings of a client
IDENTITY_ONLY = 1  # a bit for each compression: https://grpc.github.io/grpc/core/group__grpc__arg__keys.html


class CannotListen(Exception):
    """A port is in use, or its address is not one of this machine.

    :param setting: the one with the port
    """

    def __init__(self, address: str, setting: str) -> None:
        super().__init__(address)
        self.setting = setting


class Server:
    """The gRPC server of one event loop."""

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._health = Health([SERVICE])
        # Without a limit of the library, which counts calls of unknown callers and health checks as well: see open_calls.
        self._server = grpc.aio.server(options=_options())
        reflection = Reflection([SERVICE, health.SERVICE_NAME])
        self._server.add_generic_rpc_handlers((self._handlers(), self._health.handlers(), reflection.handlers()))

    async def start(self, address: str) -> None:
        """Start listening, and connect to Kafka in the background.

        :raises CannotListen: a port is in use, or the address is not one of this machine
        """
        try:
            self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise CannotListen(address, "GRPC_SERVICE_PORT") from error
        try:
            http_probe.serve(asyncio.get_running_loop())
        except OSError as error:
            probed = f"{settings.DATAFLOW_GRPC_HOST}:{settings.DATAFLOW_GRPC_METRICS_PORT}"
            raise CannotListen(probed, "DATAFLOW_GRPC_METRICS_PORT") from error
        lifecycle.start("grpc")
        await self._health.start()
        message_budget()
        await self._server.start()
        lifecycle.freeze_garbage_collector()

    async def stop(self) -> None:
        """Refuse new calls, answer those in flight, then close all connections."""
        await self._health.close()
        for stream in self._streams:
            stream.stop()
        await self._server.stop(GRACE)
        await lifecycle.stop("grpc")

    async def _run_stream(self, _requests: object, context: Context) -> None:
        stream = Stream(context)
        self._streams.add(stream)
        try:
            await stream.run()
        finally:
            self._streams.discard(stream)

    def _handlers(self) -> grpc.GenericRpcHandler:
        # Unary calls are served as streams of one message, which look the same on the wire: so a call is checked before
        # its message is read. Without deserializers messages arrive as bytes, so that the servicer itself answers for
        # one that can't be decoded, as over HTTP.
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Ingest": grpc.stream_unary_rpc_method_handler(unary.answering(unary.ingest, "Ingest")),
            "IngestBatch": grpc.stream_unary_rpc_method_handler(unary.answering(unary.ingest_batch, "IngestBatch")),
            "IngestStream": grpc.stream_stream_rpc_method_handler(self._run_stream),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)


async def run(address: str) -> None:
    """Serve until SIGTERM or SIGINT.

    :raises CannotListen: a port is in use, or the address is not one of this machine
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = Server()
    await server.start(address)
    logger.info("the gRPC receiver is open", extra={"address": address})
    await stopping.wait()
    await server.stop()
    logger.info("the gRPC receiver is closed")


def _options() -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", largest_message()),
        # Between a soft and a hard limit gRPC would refuse at random, so both are the same.
        ("grpc.max_metadata_size", settings.DATAFLOW_MAX_HEADER_BYTES),
        ("grpc.absolute_max_metadata_size", settings.DATAFLOW_MAX_HEADER_BYTES),
        # gRPC checks the size before it decompresses, so a small message could grow without bound.
        ("grpc.compression_enabled_algorithms_bitset", IDENTITY_ONLY),
        ("grpc.max_concurrent_streams", settings.DATAFLOW_GRPC_CALLS_PER_KEY),  # of one connection
        # A connection without a call, and one that does not begin to speak HTTP/2.
        ("grpc.max_connection_idle_ms", round(settings.DATAFLOW_GRPC_IDLE_SECONDS * 1_000)),
        ("grpc.server_handshake_timeout_ms", round(settings.DATAFLOW_HEADER_SECONDS * 1_000)),
        # Otherwise a second process on the same port would silently share its connections.
        ("grpc.so_reuseport", 0),
        # Detects clients that are gone, and ends their streams.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # Clients that look after a quiet connection, every 10 s as libraries advise, are not sent away.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_INTERVAL),
    ]
