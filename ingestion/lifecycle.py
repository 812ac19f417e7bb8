"""Starts and stops what every ingest process has once: publisher, authenticator, backpressure guard and heartbeat."""

from __future__ import annotations

import gc

from ingestion.acceptance.backpressure import backpressure
from ingestion.acceptance.heartbeat import Kind, heartbeat
from ingestion.auth.authenticator import authenticator
from ingestion.kafka.group_commit import publisher
from ingestion.refusals.examples import examples


def start(kind: Kind) -> None:
    """Create the singletons of the running loop; they connect to their servers in the background."""
    publisher()
    authenticator()
    backpressure()
    heartbeat(kind)
    examples()


async def stop(kind: Kind) -> None:
    """Wait until Kafka has acknowledged what is in flight, then close all."""
    await publisher().close()
    await heartbeat(kind).close()
    await examples().close()
    authenticator().close()
    backpressure().close()


def freeze_garbage_collector() -> None:
    """Exclude all objects that exist now from garbage collection, since they live until the process ends."""
    gc.collect()
    gc.freeze()
