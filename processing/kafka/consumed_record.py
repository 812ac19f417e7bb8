"""Turns what the Kafka client returns into a Record, whoever wrote it."""

from __future__ import annotations

from kafka.consumer.fetcher import ConsumerRecord

from ingestion.events import timestamps
from ingestion.events.model import MAX_AHEAD
from processing.events.batch import Record


def record_of(partition: int, record: ConsumerRecord, *, now: int | None = None, begins: int = -1) -> Record:
    """Return a record with a time that can be stored.

    :param now: microseconds since the epoch; the time of a record without one, or with one that can't be the time of
        receipt: a producer may send -1, 0 or the year 292,000,000
    :param begins: the offset from which the client read on to find it
    """
    time = record.timestamp * 1000
    now = timestamps.now() if now is None else now
    if not 0 < time <= now + MAX_AHEAD:
        time = now
    return Record(partition, record.offset, time, record.value, list(record.headers), begins, record.leader_epoch)
