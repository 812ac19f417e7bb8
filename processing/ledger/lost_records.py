"""Records that will never be read: each gap is stored with an incident, so that the ledger accounts for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from processing.cursors import Cursor
from processing.ledger.incidents import PartitionRef, open_incident
from processing.models import Incident, LedgerGap

_INSERT_GAP = """
INSERT INTO ledger_gap (topic_id, partition, first_offset, next_offset, cause, noticed_at)
VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (topic_id, partition, first_offset)
DO UPDATE SET next_offset = greatest(ledger_gap.next_offset, excluded.next_offset)
"""
_SELECT_GAPS = """
SELECT topic.kafka_id, topic.name, partition, first_offset, next_offset, cause, noticed_at
FROM ledger_gap JOIN topic ON topic.id = topic_id ORDER BY ledger_gap.id
"""
_CAUSE_TEXT = {
    LedgerGap.Cause.REMOVED: "were removed from the topic before they were read",
    LedgerGap.Cause.SKIPPED: "were skipped by an operator",
    LedgerGap.Cause.TRUNCATED: "were lost by Kafka after they were read, and keep their effects",
    LedgerGap.Cause.RECREATED: "may have been lost when the topic was deleted and recreated",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """Records from `first` up to, not including, `next`; `next` is None if their number is not known."""

    topic: UUID  # Kafka's id
    name: str
    partition: int
    first: int
    next: int | None
    cause: LedgerGap.Cause
    noticed_at: datetime

    @property
    def sentence(self) -> str:
        """Return a sentence that names the missing records and the cause."""
        return sentence(self.first, self.next, self.cause)


def sentence(first: int, next_: int | None, cause: LedgerGap.Cause) -> str:
    """Return a sentence that names the missing records and the cause."""
    which = f"records {first} and later" if next_ is None else f"records {first} to {next_ - 1}"
    return f"{which} {_CAUSE_TEXT[cause]}"


def record(cursor: Cursor, partition: PartitionRef, *, first: int, next_: int | None, cause: LedgerGap.Cause) -> None:
    """Store a gap and open its incident, in the caller's transaction."""
    cursor.execute(_INSERT_GAP, [partition.topic, partition.number, first, next_, cause.value])
    kind = Incident.Kind.ROLLBACK if cause == LedgerGap.Cause.TRUNCATED else Incident.Kind.GAP
    open_incident(kind, partition.subject, sentence(first, next_, cause), cursor=cursor)


def read(cursor: Cursor) -> list[Gap]:
    """Return all gaps, in the order in which they were noticed."""
    cursor.execute(_SELECT_GAPS)
    return [
        Gap(topic, name, partition, first, next_, LedgerGap.Cause(cause), at)
        for topic, name, partition, first, next_, cause, at in cursor.fetchall()
    ]


def truncated(gaps: Sequence[Gap], topic: UUID, partition: int) -> bool:
    """Return whether Kafka has lost records of a partition that were read."""
    return any(
        gap.topic == topic and gap.partition == partition and gap.cause == LedgerGap.Cause.TRUNCATED for gap in gaps
    )


def covers(gaps: Sequence[Gap], topic: UUID, partition: int, offset: int) -> bool:
    """Return whether a record that is still in the topic lies in a gap and will not be read."""
    return any(
        gap.topic == topic and gap.partition == partition and gap.next is not None and gap.first <= offset < gap.next
        for gap in gaps
        # Where Kafka lost records, it has others now.
        if gap.cause != LedgerGap.Cause.TRUNCATED
    )
