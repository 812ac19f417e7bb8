"""One batch: its records, its events with their positions, and the outcome of each."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from ingestion.kafka import record_headers
from ingestion.kafka.record_headers import Headers
from ingestion.problems import Code
from ingestion.tracing.request_marks import RequestMark
from processing.events.entries import Entries, Entry
from processing.events.judged import RuleCounts
from processing.events.positions import RecordPosition

MINUTE = 60_000_000  # microseconds
# Bytes of a record; the ids of its first events are among them.
_CHECKED = 4_096


class Record(NamedTuple):
    """A Kafka record as far as processing needs it."""

    partition: int
    offset: int
    time: int  # Kafka's, microseconds since the epoch
    value: bytes | None
    headers: Headers
    begins: int = -1  # the offset from which the client read on to find it; the offsets in between hold nothing to read
    epoch: int = -1  # of the leader that wrote it

    @property
    def position(self) -> RecordPosition:
        """Return where the record is in its topic."""
        return RecordPosition(self.partition, self.offset)

    @property
    def checksum(self) -> int:
        """Return what tells the record from another one at the same offset; costs a few microseconds."""
        value = self.value or b""
        return zlib.crc32(value[:_CHECKED], len(value))


class Letter(NamedTuple):
    """A line that can't become a row, on its way to the dead letters."""

    partition: int
    offset: int
    line: int
    raw: bytes
    reason: str  # ingestion.problems.Code
    detail: str
    pointer: str
    stage: str
    source: str  # '' when unreadable
    event_id: bytes | None
    received: int


class Left(NamedTuple):
    """Names the document that a line may have left, of which there is to be no row."""

    key: bytes
    partition: int
    offset: int
    line: int


class SkippedLine(NamedTuple):
    """Why a line is not to be processed, though it may be an event: our own steps fail on it, or it is of a newer release."""

    stage: str
    detail: str
    left: tuple[Left, ...] = ()  # so far as it is known
    reason: Code = Code.INTERNAL_ERROR


WHOLE = -1  # in place of a line: the record as one, since it can't be decoded
# By line: those that become letters without being read; and, for a trial of the other lines, those left out (None).
SkippedLines = dict[int, SkippedLine | None]

# The key of a ledger row: source, minute of receipt (minutes since the epoch), partition
Account = tuple[str, int, int]


@dataclass(slots=True)
class Batch:
    """What one round of the pipeline works on. `topic` is the row id of the topic in PostgreSQL."""

    records: list[Record]
    entries: Entries = field(default_factory=Entries)  # first of their identity within the batch
    duplicates: list[Entry] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    dropped: list[Entry] = field(default_factory=list)  # by rules
    revision: int = 0  # of the logic that judged its events
    rule_counts: RuleCounts = field(default_factory=dict)
    read: Counter[Account] = field(default_factory=Counter)
    asides: dict[RecordPosition, SkippedLines] = field(default_factory=dict)  # processing.events.skipped_lines

    # Set while the stores work on it
    redelivered: list[Record] = field(default_factory=list)
    stored: Entries = field(default_factory=Entries)
    stored_at: int = 0  # microseconds since the epoch
    is_cut: bool = False  # some of `entries` are not rolled up

    def redriven(self) -> dict[RecordPosition, int]:
        """Return the dead letters that records redrive, by position; a header that is no number is another producer's."""
        found = {record.position: record_headers.redriven_letter(record.headers) for record in self.records}
        return {position: number for position, number in found.items() if number is not None}

    def requests(self) -> dict[tuple[int, int], list[RequestMark]]:
        """Return the requests that the lines of records came with, by the position of their record."""
        found: dict[tuple[int, int], list[RequestMark]] = {
            record.position: record_headers.requests(record.headers)
            for record in self.records
            # Most have the headers of ours alone, in this order.
            if record.headers and not (len(record.headers) == 2 and record.headers[0][0] == record_headers.VERSION)
        }
        return {position: marks for position, marks in found.items() if marks}

    def offsets(self) -> dict[int, int]:
        """For each partition the offset after its last record."""
        return {record.partition: record.offset + 1 for record in self.records}
