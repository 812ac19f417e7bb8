"""Restore missing rows from the raw documents; then rollups, latest values and ledger from the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg

from processing.commandline.event_range import EventRange
from processing.commandline.progress import Progress
from processing.errors import postgres_errors
from processing.events.entries import Entry
from processing.kafka.end_offsets import TopicOffsets
from processing.kafka.topic_reader import TopicReader
from processing.ledger import lost_records
from processing.ledger.lost_records import Gap
from processing.models import LedgerGap
from processing.recovery.rebuild import maintenance, refresh_rollups
from processing.recovery.rebuild.document_rows import DocumentRows
from processing.recovery.rebuild.maintenance import Maintenance
from processing.recovery.rebuild.row_writer import RowWriter
from processing.recovery.recount import readers
from processing.stores.mongodb.document_store import LONG_WAIT, DocumentStore


@dataclass(slots=True)
class Rebuilt:
    """What a run found and restored."""

    documents: int = 0  # read, of those asked for
    rows: int = 0  # restored; in a dry run, missing
    left: int = 0  # documents of records that the consumer has not read yet, or has skipped
    damaged: int = 0  # documents that do not match their own hash
    accounted: int = 0  # rows that the ledger did not count
    hours: int = 0  # of sources, rolled up again

    def as_dict(self) -> dict[str, int]:
        """Return it as JSON members."""
        return asdict(self)


def run(events: EventRange, *, dry_run: bool, progress: Progress) -> Rebuilt:
    """Restore every missing row that the consumer will not store itself. It may be killed and repeated.

    :param events: the range, by event time
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: an operator must act, or another command holds the maintenance lease, or it was lost
    :raises Interrupted: SIGTERM or SIGINT arrived
    """
    with postgres_errors(), maintenance.session() as held:
        rebuilt = _insert(held, events, dry_run=dry_run, progress=progress)
        if not dry_run:
            # Includes rows of an earlier run that was killed here.
            rebuilt.accounted = maintenance.count_in_ledger(held)
            rebuilt.hours = refresh_rollups.refresh(held, progress=progress)
    return rebuilt


def _insert(held: Maintenance, events: EventRange, *, dry_run: bool, progress: Progress) -> Rebuilt:
    rebuilt = Rebuilt()
    unread = _unread(held.connection)
    restore = DocumentRows(held, RowWriter(held, dry_run=dry_run))
    store = DocumentStore(patience=LONG_WAIT)
    try:
        wanted = _query(events)
        total = store.count(wanted)
        for chunk in store.stream(wanted):
            for topic, entries in _read(chunk, unread, rebuilt).items():
                rebuilt.rows += restore.insert(entries, topic=topic)
            progress.advance("documents", rebuilt.documents, total)
    finally:
        store.close()
    return rebuilt


def _query(events: EventRange) -> dict[str, Any]:
    since, until = events.micros()
    bounds = {name: bound for name, bound in (("$gte", since), ("$lt", until)) if bound is not None}
    return {**({"ts_us": bounds} if bounds else {}), **({"source": events.source} if events.source else {})}


def _read(chunk: list[dict[str, Any]], unread: UnreadRecords, rebuilt: Rebuilt) -> dict[UUID, list[Entry]]:
    found: defaultdict[UUID, list[Entry]] = defaultdict(list)
    for document in chunk:
        entry, topic = readers.event_of_document(document), readers.topic_of_document(document)
        if entry is None or topic is None:
            rebuilt.damaged += 1
        elif unread.will_be_read(topic, entry) or unread.was_skipped(topic, entry):
            rebuilt.left += 1
        else:
            found[topic].append(entry)
    rebuilt.documents += len(chunk)
    return found


class UnreadRecords:
    """What the consumer has not read yet, and what it has skipped.

    Unread records are left to it, or their lines would count as duplicates. Documents of skipped records are remains of
    a batch that failed.
    """

    def __init__(self, ends: TopicOffsets, progress: dict[int, int], known_gaps: Iterable[Gap]) -> None:
        self._topic = ends.topic
        self._skipped = [gap for gap in known_gaps if gap.cause == LedgerGap.Cause.SKIPPED]
        # Without progress, as in a new PostgreSQL, the consumer begins at the earliest record.
        self._next = {
            partition: max(earliest, progress.get(partition, 0)) for partition, (earliest, _) in ends.partitions.items()
        }

    def will_be_read(self, topic: UUID, entry: Entry) -> bool:
        """Return whether the consumer will read the record of this event."""
        return topic == self._topic and entry.offset >= self._next.get(entry.partition, 0)

    def was_skipped(self, topic: UUID, entry: Entry) -> bool:
        """Return whether the record of this event was skipped."""
        return lost_records.covers(self._skipped, topic, entry.partition, entry.offset)


def _unread(connection: psycopg.Connection) -> UnreadRecords:
    with TopicReader() as reader:
        ends = reader.ends()
    progress = connection.execute(
        "SELECT partition, next_offset FROM progress JOIN topic ON topic.id = topic_id WHERE kafka_id = %s",
        [ends.topic],
    )
    return UnreadRecords(ends, dict(progress.fetchall()), lost_records.read(connection.cursor()))
