"""Makes rows that are missing from the raw documents; sums, latest values and ledger follow from the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg

from processing import gaps
from processing.batch import Entry
from processing.course import Progress
from processing.document_store import LONG_WAIT, DocumentStore
from processing.event_range import EventRange
from processing.failures import from_postgres
from processing.gaps import Gap
from processing.lag import Ends
from processing.models import LedgerGap
from processing.recovery import document_reader, ledger_mending, mending, stale_hours
from processing.recovery.row_writer import RowWriter
from processing.topic_reader import TopicReader


@dataclass(slots=True)
class Rebuilt:
    """What a run found and made."""

    documents: int = 0  # read, of those asked for
    rows: int = 0  # made; in a dry run, to be made
    left: int = 0  # documents whose place in Kafka the consumer has still to reach, or was moved past unread
    damaged: int = 0  # documents that are not what was stored
    accounted: int = 0  # rows that the ledger did not know
    hours: int = 0  # of sources, whose sums were computed anew

    def as_dict(self) -> dict[str, int]:
        """Lay it out for programs."""
        return asdict(self)


def run(events: EventRange, *, dry_run: bool, progress: Progress) -> Rebuilt:
    """Make every row that is missing and won't come by the consumer. Killed at any time, it may be run again.

    :param events: by event time
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: the same, or another command is mending
    :raises Interrupted: SIGTERM or SIGINT arrived
    """
    try:
        with mending.session() as connection:
            rebuilt = _insert(connection, events, dry_run=dry_run, progress=progress)
            if not dry_run:
                # Of an earlier run too, which was killed here.
                rebuilt.accounted = ledger_mending.grow(connection)
                rebuilt.hours = stale_hours.refresh(connection, progress=progress)
    except psycopg.Error as error:
        raise from_postgres(error) from error
    return rebuilt


def _insert(connection: psycopg.Connection, events: EventRange, *, dry_run: bool, progress: Progress) -> Rebuilt:
    rebuilt = Rebuilt()
    reach = _reach(connection)
    writer = RowWriter(connection, dry_run=dry_run)
    store = DocumentStore(patience=LONG_WAIT)
    try:
        wanted = _query(events)
        total = store.count(wanted)
        for chunk in store.stream(wanted):
            for topic, entries in _read(chunk, reach, rebuilt).items():
                rebuilt.rows += writer.insert(entries, topic=topic)
            progress.advance("documents", rebuilt.documents, total)
    finally:
        store.close()
    return rebuilt


def _query(events: EventRange) -> dict[str, Any]:
    since, until = events.micros()
    bounds = {name: bound for name, bound in (("$gte", since), ("$lt", until)) if bound is not None}
    return {**({"ts_us": bounds} if bounds else {}), **({"source": events.source} if events.source else {})}


def _read(chunk: list[dict[str, Any]], reach: Reach, rebuilt: Rebuilt) -> dict[UUID, list[Entry]]:
    found: defaultdict[UUID, list[Entry]] = defaultdict(list)
    for document in chunk:
        entry, topic = document_reader.entry(document), document_reader.topic(document)
        if entry is None or topic is None:
            rebuilt.damaged += 1
        elif reach.comes_to(topic, entry) or reach.passed_over(topic, entry):
            rebuilt.left += 1
        else:
            found[topic].append(entry)
    rebuilt.documents += len(chunk)
    return found


class Reach:
    """What the consumer has still to read: those rows are its work, or their lines would count as duplicates.

    And what an operator moved it past: documents of there are leftovers of a batch that failed.
    """

    def __init__(self, ends: Ends, progress: dict[int, int], known_gaps: Iterable[Gap]) -> None:
        self._topic = ends.topic
        self._skipped = [gap for gap in known_gaps if gap.cause == LedgerGap.Cause.SKIPPED]
        # Without progress, PostgreSQL being new, it begins at the earliest record.
        self._next = {
            partition: max(earliest, progress.get(partition, 0)) for partition, (earliest, _) in ends.partitions.items()
        }

    def comes_to(self, topic: UUID, entry: Entry) -> bool:
        """Tell whether the consumer will come to the place of this event."""
        return topic == self._topic and entry.offset >= self._next.get(entry.partition, 0)

    def passed_over(self, topic: UUID, entry: Entry) -> bool:
        """Tell whether the place of this event was skipped."""
        return gaps.covers(self._skipped, topic, entry.partition, entry.offset)


def _reach(connection: psycopg.Connection) -> Reach:
    with TopicReader() as reader:
        ends = reader.ends()
    progress = connection.execute(
        "SELECT partition, next_offset FROM progress JOIN topic ON topic.id = topic_id WHERE kafka_id = %s",
        [ends.topic],
    )
    return Reach(ends, dict(progress.fetchall()), gaps.read(connection.cursor()))
