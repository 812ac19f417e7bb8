"""Restore missing raw documents: from Kafka's lines, and on request from the rows themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import msgspec
import psycopg

from processing.commandline import event_range
from processing.commandline.event_range import EventRange
from processing.commandline.progress import Progress
from processing.errors import postgres_errors
from processing.events.batch import Record
from processing.events.entries import Entry
from processing.kafka.end_offsets import TopicOffsets
from processing.kafka.topic_reader import TopicReader
from processing.recovery.recount import readers, recount, reread
from processing.recovery.recount.past_logic import PastLogic
from processing.stores.mongodb.document_store import DocumentStore

_RECORDS_PER_CHUNK = 50  # each may hold a thousand events
_ROWS_PER_CHUNK = 250  # with payloads of up to 256 KiB each

# Rows without a document, by the documents counted so far.
_FIND = f"""
INSERT INTO lost_document
SELECT e.source_id, e.ts, e.id, e.topic_id, e.partition, e."offset", e.line, e.content_hash
FROM events e LEFT JOIN recount_document d ON d.source_id = e.source_id AND d.id = e.id
WHERE d.key IS NULL AND {event_range.where("e.ts", source="e.source_id")}
"""  # noqa: S608 - constants only
_OFFSET_RANGES = (
    'SELECT partition, min("offset"), max("offset") + 1 FROM lost_document WHERE topic_id = %s GROUP BY partition'
)
# Removes those from the list that Kafka has the line of.
_MATCH = """
DELETE FROM lost_document l
USING unnest(%s::int[], %s::bigint[], %s::int[], %s::text[], %s::uuid[], %s::bigint[])
    AS r (partition, "offset", line, source_id, id, hash)
WHERE l.topic_id = %s AND l.partition = r.partition AND l."offset" = r."offset" AND l.line = r.line
    AND l.source_id = r.source_id AND l.id = r.id AND l.hash = r.hash
RETURNING l.partition, l."offset", l.line, (extract(epoch FROM l.ts) * 1000000)::bigint
"""
_ROWS = f"""
SELECT t.kafka_id, {readers.ROW_COLUMNS}
FROM lost_document l JOIN events e ON e.source_id = l.source_id AND e.ts = l.ts AND e.id = l.id
JOIN topic t ON t.id = e.topic_id
"""  # noqa: S608 - constants only


@dataclass(slots=True)
class Rebuilt:
    """What a run found and restored; in a dry run, what it would restore."""

    missing: int = 0  # rows without a document
    from_kafka: int = 0
    from_rows: int = 0

    @property
    def left(self) -> int:
        """Rows that remain without a document: Kafka no longer has their lines."""
        return self.missing - self.from_kafka - self.from_rows

    def as_dict(self) -> dict[str, int]:
        """Return it as JSON members."""
        return {**asdict(self), "left": self.left}


def run(events: EventRange, *, from_rows: bool, dry_run: bool, progress: Progress) -> Rebuilt:
    """Restore every missing document. It may be killed and repeated.

    :param events: the range, by event time
    :param from_rows: restore those that Kafka no longer has from their rows
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: an operator must act
    :raises Interrupted: SIGTERM or SIGINT arrived
    """
    with postgres_errors(), recount.connect() as connection, recount.snapshot(connection), TopicReader() as reader:
        recount.count_documents(connection, progress)
        missing = find(connection, events)
        return Filler(connection, reader, dry_run=dry_run, progress=progress).fill(missing, from_rows=from_rows)


def find(connection: psycopg.Connection, events: EventRange) -> int:
    """List the rows that had no document when documents were counted; return their number."""
    return connection.execute(_FIND, events.parameters()).rowcount


class Filler:
    """Restores the documents that `find` listed.

    :param check: called before documents are inserted; may raise
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        reader: TopicReader,
        *,
        dry_run: bool,
        progress: Progress,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._dry_run = dry_run
        self._progress = progress
        self._check = check
        self._store = DocumentStore()

    def fill(self, missing: int, *, from_rows: bool) -> Rebuilt:
        """Restore those whose lines Kafka has; then, if wanted, the others from their rows."""
        rebuilt = Rebuilt(missing)
        try:
            for made in self._from_kafka() if missing else ():
                rebuilt.from_kafka += made
                self._progress.advance("documents from Kafka", rebuilt.from_kafka, missing)
            for made in self._from_rows() if from_rows and rebuilt.left else ():
                rebuilt.from_rows += made
                self._progress.advance("documents from rows", rebuilt.from_rows, missing - rebuilt.from_kafka)
        finally:
            self._store.close()
        return rebuilt

    def _from_kafka(self) -> Iterator[int]:
        ends = self._reader.ends()
        topic = recount.topic_row(self._connection, ends.topic)
        past = PastLogic(self._connection.cursor(), topic=topic)
        listed = self._connection.execute(_OFFSET_RANGES, [topic]).fetchall()
        for chunk in self._reader.read(_available(listed, ends), limit=_RECORDS_PER_CHUNK):
            found = self._wanted(chunk, topic, past)
            yield self._insert(found, topic=ends.topic)

    def _wanted(self, chunk: Sequence[Record], topic: int, past: PastLogic) -> list[Entry]:
        entries = [
            line for line in reread.lines(self._connection, chunk, topic=topic, past=past) if isinstance(line, Entry)
        ]
        columns = [[entry.partition for entry in entries], [entry.offset for entry in entries]]
        columns += [[entry.line for entry in entries]]
        named = [[entry.source for entry in entries], [UUID(bytes=entry.id) for entry in entries]]
        hashes = [entry.hash for entry in entries]
        found = self._connection.execute(_MATCH, [*columns, *named, hashes, topic]).fetchall()
        times = {tuple(place): ts for *place, ts in found}
        # The row's time is kept: without a time from the sender, it may be that of an earlier copy.
        return [
            msgspec.structs.replace(entry, ts=times[place])
            for entry in entries
            if (place := (entry.partition, entry.offset, entry.line)) in times
        ]

    def _from_rows(self) -> Iterator[int]:
        with self._connection.transaction(), self._connection.cursor("lost_documents", binary=True) as cursor:
            cursor.execute(_ROWS)
            while found := cursor.fetchmany(_ROWS_PER_CHUNK):
                by_topic: defaultdict[UUID, list[Entry]] = defaultdict(list)
                for (topic, *_), entry in zip(found, readers.events_of_rows([row for _, *row in found]), strict=True):
                    # A row that was changed since, or by logic, is not what was sent.
                    if not readers.is_changed(entry) and readers.is_as_sent(entry):
                        by_topic[topic].append(entry)
                yield sum(self._insert(entries, topic=topic) for topic, entries in by_topic.items())

    def _insert(self, entries: list[Entry], *, topic: UUID) -> int:
        if self._dry_run or not entries:
            return len(entries)
        self._check()
        verdict = self._store.insert(entries, topic=topic.bytes)
        return len(entries) - len(verdict.conflicts) - len(verdict.refused)


def _available(listed: list[tuple[int, int, int]], ends: TopicOffsets) -> dict[int, tuple[int, int]]:
    """Narrow offset ranges to what the topic still has."""
    return {
        partition: (max(first, ends.partitions[partition][0]), min(end, ends.partitions[partition][1]))
        for partition, first, end in listed
        if partition in ends.partitions
    }
