"""The peer's consumer: reads records, writes both stores, then commits the offsets. `python -m …consumer`."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import psycopg
import uvloop
from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from pymongo import AsyncMongoClient

from deploy.bench.peers.programs import settings
from deploy.bench.peers.programs.stores import Documents, Rows

BATCH = 5_000  # events
POLL = 500  # ms


async def main() -> None:
    """Consume until a SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    consumer = AIOKafkaConsumer(
        settings.TOPIC,
        bootstrap_servers=settings.KAFKA,
        group_id=settings.GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        async with (
            await psycopg.AsyncConnection.connect(settings.POSTGRES, autocommit=True) as connection,
            AsyncMongoClient[dict[str, Any]](settings.MONGO, w="majority", journal=True) as client,
        ):
            rows = await Rows.open(connection)
            documents = Documents(client[settings.DATABASE]["events"])
            while not stop.is_set():
                await _step(consumer, rows, documents)
    finally:
        await consumer.stop()


async def _step(consumer: AIOKafkaConsumer, rows: Rows, documents: Documents) -> None:
    """Store one batch; a batch that comes again after a crash changes nothing."""
    records = await consumer.getmany(timeout_ms=POLL, max_records=BATCH)
    events = [json.loads(record.value) for partition in records.values() for record in partition]
    if events:
        await asyncio.gather(rows.insert(events), documents.insert(events))
        await consumer.commit()


if __name__ == "__main__":
    uvloop.run(main())
