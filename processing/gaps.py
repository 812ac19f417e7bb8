"""Records that nobody will ever read: written down with an incident, so that they are missing from no account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from processing.incidents import Cursor, Partition, open_incident
from processing.models import Incident, LedgerGap

_RECORD = """
INSERT INTO ledger_gap (topic_id, partition, first_offset, next_offset, cause, noticed_at)
VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (topic_id, partition, first_offset)
DO UPDATE SET next_offset = greatest(ledger_gap.next_offset, excluded.next_offset)
"""
_READ = """
SELECT topic.kafka_id, topic.name, partition, first_offset, next_offset, cause, noticed_at
FROM ledger_gap JOIN topic ON topic.id = topic_id ORDER BY ledger_gap.id
"""
_IN_WORDS = {
    LedgerGap.Cause.REMOVED: "were removed from the topic before they were read",
    LedgerGap.Cause.SKIPPED: "were skipped by an operator",
    LedgerGap.Cause.RECREATED: "may have been lost when the topic was deleted and recreated",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """`first` up to, not including, `next`; None: how many there were nobody knows."""

    topic: UUID  # Kafka's id
    name: str
    partition: int
    first: int
    next: int | None
    cause: LedgerGap.Cause
    noticed_at: datetime

    @property
    def sentence(self) -> str:
        """Say which records are missing, and why."""
        return sentence(self.first, self.next, self.cause)


def sentence(first: int, next_: int | None, cause: LedgerGap.Cause) -> str:
    """Say which records are missing, and why."""
    which = f"records {first} and later" if next_ is None else f"records {first} to {next_ - 1}"
    return f"{which} {_IN_WORDS[cause]}"


def record(cursor: Cursor, partition: Partition, *, first: int, next_: int | None, cause: LedgerGap.Cause) -> None:
    """Write down a gap and open its incident, in the caller's transaction."""
    cursor.execute(_RECORD, [partition.topic, partition.number, first, next_, cause.value])
    open_incident(Incident.Kind.GAP, partition.subject, sentence(first, next_, cause), cursor=cursor)


def read(cursor: Cursor) -> list[Gap]:
    """Give all gaps, in the order in which they were noticed."""
    cursor.execute(_READ)
    return [
        Gap(topic, name, partition, first, next_, LedgerGap.Cause(cause), at)
        for topic, name, partition, first, next_, cause, at in cursor.fetchall()
    ]


def covers(gaps: Sequence[Gap], topic: UUID, partition: int, offset: int) -> bool:
    """Tell whether a record that is still there is one that nobody will read."""
    return any(
        gap.topic == topic and gap.partition == partition and gap.next is not None and gap.first <= offset < gap.next
        for gap in gaps
    )
