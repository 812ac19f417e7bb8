"""Isolates events that kill the process: counts starts without progress, and finds the line that was being processed."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from psycopg import Cursor
from psycopg.types.json import Jsonb

from processing.consumer.crashes.single_step import Line, SingleSteps
from processing.events.batch import Record, SkippedLine, SkippedLines
from processing.events.positions import RecordPosition
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger.incidents import of_partition, open_incident
from processing.models import Incident
from processing.stores.postgres import row_errors
from processing.stores.row_store import RowStore

logger = logging.getLogger(__name__)

# Crashes at the same place. Fewer would be met by a process that is killed from outside while it starts, and going on
# line by line takes minutes behind a backlog.
AFTER = 3
_DIED = SkippedLine("process", "the consumer process ended repeatedly while it processed this line")

_READ = """
SELECT partition, next_offset, starts, suspect_offset, suspect_line, isolated
FROM partition_start WHERE topic_id = %(topic)s AND partition = ANY(%(partitions)s) ORDER BY partition FOR UPDATE
"""
_WRITE = """
INSERT INTO partition_start (topic_id, partition, next_offset, starts, isolated) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (topic_id, partition) DO UPDATE SET next_offset = excluded.next_offset, starts = excluded.starts,
    suspect_offset = NULL, suspect_line = NULL, isolated = excluded.isolated
"""
# Not where another consumer has started since.
_LEAVE = """
UPDATE partition_start AS s SET starts = 0, suspect_offset = NULL, suspect_line = NULL
FROM unnest(%s::int[], %s::bigint[], %s::int[]) AS ours (partition, next_offset, starts)
WHERE s.topic_id = %s AND s.partition = ours.partition AND s.next_offset = ours.next_offset AND s.starts = ours.starts
"""


@dataclass(frozen=True, slots=True)
class StartedLine:
    """A consumer's start at one partition."""

    next_offset: int
    starts: int = 0  # at this place, none of which got past it or ended well
    suspect: Line | None = None  # the only line that was being processed
    isolated: tuple[Line, ...] = ()  # what the process died of

    @property
    def is_single_step(self) -> bool:
        """Whether the first batch is to be gone through line by line."""
        return self.starts > AFTER

    def again(self, *, at: int) -> StartedLine:
        """Record another crash here. If a single line was being processed, isolate it."""
        if self.suspect and self.suspect not in self.isolated:
            return StartedLine(at, self.starts + 1, isolated=(*self.isolated, self.suspect))
        return replace(self, next_offset=at, starts=self.starts + 1 if at == self.next_offset else 1, suspect=None)


@dataclass(slots=True)
class CrashIsolation:
    """What one consumer process knows of the crashes before it; counts and marks are for the stores' thread."""

    rows: RowStore
    _topic: int = 0  # its row id
    _starts: dict[int, StartedLine] = field(default_factory=dict)  # of the partitions that this process has
    _isolated: dict[RecordPosition, SkippedLines] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)  # of the partitions in single steps: after their first batch
    _steps: SingleSteps = field(init=False)

    def __post_init__(self) -> None:
        self._steps = SingleSteps(self.rows)

    def count(self, progress: Mapping[int, int], ends: TopicOffsets) -> None:
        """Count the start of partitions that this process did not have before, and learn what is isolated in all.

        :param progress: next offset by partition
        """
        topic = self.rows.topic_row(ends.topic, ends.name)
        if topic != self._topic:
            self._steps.release_all()
            self._topic, self._starts, self._isolated, self._ends = topic, {}, {}, {}
        if not progress:
            return
        starting = sorted(progress.keys() - self._starts.keys())
        living = self._steps.living(topic, starting)
        with self.rows.transaction(), self.rows.cursor() as cursor:
            self._steps.lock(cursor, topic, starting)
            before = _read(cursor, topic, sorted(progress), living=living)
            starts = {number: _counted(before.get(number), at=progress[number]) for number in starting}
            for number, start in starts.items():
                _write(cursor, topic, number, start)
                for line in start.isolated[len(before[number].isolated) :] if number in before else ():
                    _tell(cursor, of_partition(ends.name, number), line)
            singles = [number for number, start in starts.items() if start.is_single_step]
            taken = {number: self._steps.take(cursor, topic, number) for number in singles}
        self._starts |= starts
        self._isolate(before | starts)
        for number in singles:
            logger.warning("the process died here before; going on line by line", extra={"partition": number})
            self._ends[number] = -1
            self._steps.hold(number, taken[number])

    def _isolate(self, starts: Mapping[int, StartedLine]) -> None:
        """Keep what is isolated in partitions, and nothing else of them: Kafka may have lost records (processing.partitions.start_offsets)."""
        isolated = {place: known for place, known in self._isolated.items() if place[0] not in starts}
        for number, start in starts.items():
            for offset, line in start.isolated:
                isolated.setdefault(RecordPosition(number, offset), {})[line] = _DIED
        self._isolated = isolated

    def leave(self, partitions: Iterable[int]) -> None:
        """Reset the counts of partitions that leave while the process works."""
        gone = {number: self._starts.pop(number) for number in sorted(self._starts.keys() & set(partitions))}
        for number in gone:
            self._ends.pop(number, None)
        offsets, starts = [start.next_offset for start in gone.values()], [start.starts for start in gone.values()]
        with row_errors():
            self.rows.connection.execute(_LEAVE, [list(gone), offsets, starts, self._topic])
        self._steps.release(gone)

    def mark_in_flight(self, record: Record, line: int) -> None:
        """Mark the line that is processed next, in a transaction of its own: if the process dies now, this line is the cause."""
        self._steps.mark(self._topic, record.partition, (record.offset, line))

    def clear_mark(self, record: Record) -> None:
        """Remove the mark of a processed record; after the last one, end the single steps."""
        self._steps.mark(self._topic, record.partition, None)
        if record.offset + 1 >= self._ends.get(record.partition, 0):
            self._steps.release([record.partition])

    def close(self) -> None:
        """Stop all that goes on beside the stores' thread."""
        self._steps.close()

    def asides(self, records: Iterable[Record]) -> dict[RecordPosition, SkippedLines]:
        """Return the isolated lines of these records."""
        if not self._isolated:
            return {}
        places = [record.position for record in records]
        return {place: dict(self._isolated[place]) for place in places if place in self._isolated}

    def take(self, held: Sequence[Record]) -> int:
        """Return how many records to process next (1 while single-stepping)."""
        if not self._ends:
            return len(held)
        for partition, end in list(self._ends.items()):
            mine = [record.offset for record in held if record.partition == partition]
            if end < 0 and mine:
                self._ends[partition] = max(mine) + 1
            elif mine and min(mine) >= end:
                # The stores' thread may have left it meanwhile.
                self._ends.pop(partition, None)
        first = next((index for index, record in enumerate(held) if record.partition in self._ends), len(held))
        return max(first, 1)

    def is_single_step(self, records: Sequence[Record]) -> bool:
        """Return whether these records are processed line by line."""
        return len(records) == 1 and records[0].partition in self._ends


def _counted(before: StartedLine | None, *, at: int) -> StartedLine:
    return before.again(at=at) if before else StartedLine(at, starts=1)


def _read(cursor: Cursor, topic: int, partitions: list[int], *, living: Container[int]) -> dict[int, StartedLine]:
    cursor.execute(_READ, {"topic": topic, "partitions": partitions})
    return {
        partition: StartedLine(
            next_offset,
            starts,
            suspect=None if suspect_offset is None or partition in living else (suspect_offset, suspect_line),
            isolated=tuple((offset, line) for offset, line in isolated),
        )
        for partition, next_offset, starts, suspect_offset, suspect_line, isolated in cursor.fetchall()
    }


def _write(cursor: Cursor, topic: int, partition: int, start: StartedLine) -> None:
    isolated = Jsonb([list(line) for line in start.isolated])
    cursor.execute(_WRITE, [topic, partition, start.next_offset, start.starts, isolated])


def _tell(cursor: Cursor, partition: str, line: Line) -> None:
    detail = f"the consumer died of the event at offset {line[0]}, line {max(line[1], 0)}: it is a dead letter now"
    open_incident(Incident.Kind.CRASH, partition, detail, cursor=cursor)
