"""Partitions that no consumer reads until an operator resumes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from processing.kafka.end_offsets import OffsetsReader
from processing.ledger.incidents import Cursor, PartitionRef, close_incident, open_incident
from processing.models import Hold, Incident

_HOLD = """
INSERT INTO hold (topic_id, partition, since, reason) VALUES (%s, %s, now(), %s)
ON CONFLICT (topic_id, partition)
DO UPDATE SET since = now(), reason = excluded.reason, released_at = NULL, released_by = ''
"""
_READ = """
SELECT partition, released_at IS NULL, lenient_until FROM hold WHERE topic_id = %s AND partition = ANY(%s)
"""
_RELEASE = """
UPDATE hold SET released_at = now(), released_by = %s, lenient_until = greatest(lenient_until, %s)
WHERE topic_id = %s AND partition = %s AND released_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Paused:
    """Whether a partition is held, and up to which offset its dead letters do not count."""

    held: bool
    lenient_until: int  # below this offset dead letters do not count


def hold(cursor: Cursor, partition: PartitionRef, reason: str) -> None:
    """Stop consumers from reading a partition and open the incident, in the caller's transaction."""
    cursor.execute(_HOLD, [partition.topic, partition.number, reason])
    remedy = f"manage.py partitions resume {partition.name} {partition.number}"
    detail = f"{reason}; nothing is dropped. Look at the dead letters, then resume by: {remedy}"
    open_incident(Incident.Kind.BREAKER, partition.subject, detail, cursor=cursor)


def read(cursor: Cursor, topic: int, partitions: Iterable[int]) -> dict[int, Paused]:
    """Return the state of partitions; one that was never held is left out."""
    cursor.execute(_READ, [topic, list(partitions)])
    return {partition: Paused(held, lenient_until) for partition, held, lenient_until in cursor.fetchall()}


def paused_now() -> QuerySet[Hold]:
    """Return the partitions that are held now, with their topics."""
    return Hold.objects.filter(released_at=None).select_related("topic").order_by("topic_id", "partition")


def resume(one: Hold, *, who: str, lenient_until: int = 0) -> bool:
    """Let consumers continue a held partition within seconds, with new counts; return False if it was not held.

    :param lenient_until: up to this offset everything goes through, however much of it becomes dead letters
    """
    partition = PartitionRef(one.topic_id, one.topic.name, one.partition)
    with transaction.atomic(), connection.cursor() as cursor:
        return release(cursor, partition, who=who, lenient_until=lenient_until)


def release(cursor: Cursor, partition: PartitionRef, *, who: str, lenient_until: int = 0) -> bool:
    """Do as resume() does, in the caller's transaction."""
    cursor.execute(_RELEASE, [who, lenient_until, partition.topic, partition.number])
    released: bool = cursor.rowcount > 0
    if released:
        close_incident(Incident.Kind.BREAKER, partition.subject, cursor=cursor)
    return released


def present_ends() -> dict[int, int]:
    """Ask where each partition ends now, up to which a resumed one may be read leniently.

    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: the same, and someone must act
    """
    reader = OffsetsReader(settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_TOPIC_RAW_DATA)
    try:
        return {number: end for number, (_, end) in reader.ask().partitions.items()}
    finally:
        reader.close()
