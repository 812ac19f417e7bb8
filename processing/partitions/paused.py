"""Partitions that no consumer reads until an operator resumes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from processing.cursors import Cursor
from processing.kafka.end_offsets import OffsetsReader
from processing.ledger.incidents import PartitionRef, close_incident, open_incident
from processing.models import Hold, Incident

_HOLD = """
INSERT INTO hold (topic_id, partition, kind, version, since, reason) VALUES (%s, %s, %s, %s, now(), %s)
ON CONFLICT (topic_id, partition) DO UPDATE SET kind = excluded.kind, version = excluded.version, since = now(),
    reason = excluded.reason, released_at = NULL, released_by = ''
"""
_READ = """
SELECT partition, released_at IS NULL, lenient_until, kind, version FROM hold WHERE topic_id = %s AND partition = ANY(%s)
"""
_RELEASE = """
UPDATE hold SET released_at = now(), released_by = %s, lenient_until = greatest(lenient_until, %s)
WHERE topic_id = %s AND partition = %s AND released_at IS NULL RETURNING kind
"""
_REMEDIES = {
    Hold.Kind.BREAKER: "Look at the dead letters, then resume by: manage.py partitions resume {}",
    Hold.Kind.VERSION: (
        "An upgraded consumer goes on by itself. To set such records aside as dead letters instead: "
        "manage.py partitions resume {} --through-end"
    ),
    Hold.Kind.UNREADABLE: (
        "Other partitions go on. To pass over this batch alone, as a gap in the ledger: "
        "manage.py partitions skip-batch {}"
    ),
}


@dataclass(frozen=True, slots=True)
class Paused:
    """Whether a partition is held, why, and up to which offset its dead letters do not count."""

    held: bool
    lenient_until: int  # below this offset dead letters do not count
    kind: str = Hold.Kind.BREAKER
    version: int = 0  # of kind VERSION: what a consumer must be able to read

    def is_readable_by(self, version: int) -> bool:
        """Return whether it is held only for consumers that are older than a release."""
        return self.held and self.kind == Hold.Kind.VERSION and self.version <= version


def hold(
    cursor: Cursor, partition: PartitionRef, reason: str, *, kind: Hold.Kind = Hold.Kind.BREAKER, version: int = 0
) -> None:
    """Stop consumers from reading a partition and open the incident, in the caller's transaction."""
    cursor.execute(_HOLD, [partition.topic, partition.number, kind.value, version, reason])
    detail = f"{reason}; nothing is dropped. {remedy(kind, partition.name, partition.number)}"
    open_incident(Incident.Kind(kind.value), partition.subject, detail, cursor=cursor)


def remedy(kind: str, topic: str, partition: int) -> str:
    """Return what an operator can do about a held partition."""
    return _REMEDIES[Hold.Kind(kind)].format(f"{topic} {partition}")


def read(cursor: Cursor, topic: int, partitions: Iterable[int]) -> dict[int, Paused]:
    """Return the state of partitions; one that was never held is left out."""
    cursor.execute(_READ, [topic, list(partitions)])
    return {partition: Paused(*state) for partition, *state in cursor.fetchall()}


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
    released = cursor.fetchone()
    if released is not None:
        close_incident(Incident.Kind(released[0]), partition.subject, cursor=cursor)
    return released is not None


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
