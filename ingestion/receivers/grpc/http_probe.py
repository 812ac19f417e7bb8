"""Health, readiness and metrics of the gRPC process, over HTTP."""

from __future__ import annotations

import asyncio

from django.conf import settings

from ingestion.acceptance import readiness
from ingestion.probes import process_probe

LOOP_SECONDS = 10.0  # for the event loop to answer; Kafka has a shorter limit of its own


def serve(loop: asyncio.AbstractEventLoop) -> None:
    """Answer /healthz, /readyz and /metrics from a thread of its own.

    :param loop: the one that the receiver runs on
    :raises OSError: the port is taken, or the address is not one of this machine
    """
    process_probe.serve(
        lambda: _readiness(loop), host=settings.DATAFLOW_GRPC_HOST, port=settings.DATAFLOW_GRPC_METRICS_PORT
    )


def _readiness(loop: asyncio.AbstractEventLoop) -> dict[str, object]:
    asked = asyncio.run_coroutine_threadsafe(readiness.ask(), loop)
    try:
        return asked.result(LOOP_SECONDS)
    except TimeoutError:
        asked.cancel()
        return {"status": "unavailable", "waitingFor": f"its own loop: no answer for {LOOP_SECONDS:.0f} s"}
