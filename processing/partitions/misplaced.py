"""Finds records that do not continue where progress is: a server has lost what it confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from processing.cursors import Cursor
from processing.events.batch import Record
from processing.events.positions import ReadUpTo
from processing.ledger.incidents import PartitionRef, open_incident
from processing.models import Incident

NOTHING = ReadUpTo(0, -1)


def find(records: Sequence[Record], done: Mapping[int, ReadUpTo]) -> dict[int, str]:
    """Return the partitions that must be placed anew, each with a sentence that says why.

    Nothing of them may be stored: progress would move past records without effects.

    :param records: in order within each partition
    :param done: by partition, locked; one that has no progress is left out
    """
    firsts = {record.partition: record for record in reversed(records)}
    found = {number: _jump(first, done.get(number, NOTHING)) for number, first in firsts.items()}
    # Offsets and epochs of leaders grow together, so a record below progress of a later leader is another record than the
    # one that had its effects. https://cwiki.apache.org/confluence/x/oQQIB
    for record in records:
        at = done.get(record.partition, NOTHING)
        if record.offset < at.next_offset and record.epoch > at.epoch >= 0:
            found[record.partition] = f"Kafka has another record at {record.offset} than was read before"
    return {number: sentence for number, sentence in found.items() if sentence}


def _jump(first: Record, at: ReadUpTo) -> str:
    if first.begins > at.next_offset:
        return went_back(at.next_offset, first.begins)
    if first.offset >= at.next_offset and 0 <= first.epoch < at.epoch:
        return f"Kafka has lost record {first.offset} since it was read"
    return ""


def went_back(progress: int, reached: int) -> str:
    """Return a sentence about a partition whose effects are gone."""
    return (
        f"PostgreSQL has lost the effects of records {progress} to {reached - 1}, which were committed. "
        "They are read and stored again."
    )


def tell(cursor: Cursor, partition: PartitionRef, sentence: str) -> None:
    """Open the incident, in the caller's transaction."""
    open_incident(Incident.Kind.ROLLBACK, partition.subject, sentence, cursor=cursor)
