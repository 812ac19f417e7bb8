"""Searches raw-data for the copies of one event, within a few seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ingestion.events import timestamps
from ingestion.kafka import record_decoder, record_headers
from ingestion.kafka.record_decoder import EventLine, InvalidLine, UnknownVersion
from ingestion.tracing import request_marks
from processing.events.batch import Record
from processing.kafka.topic_reader import TopicReader

BUDGET = 2.0  # seconds after which the search stops
CHUNK = 500  # records at once
MOST_COPIES = 2_000  # after which the search stops
_PATIENCE = 1.5  # seconds to wait for Kafka


class Period(NamedTuple):
    """A range of time of records; the end is not included."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class EventCopy:
    """One line of raw-data that holds the event; times in microseconds since the epoch."""

    partition: int
    offset: int
    line: int
    record_time: int
    received: int
    source: str  # '' when it can't be read
    readable: bool  # False: it is, or will be, a dead letter
    traces: list[str]  # the trace contexts of all requests whose events share the record
    request: dict[str, str]  # `id` and `traceparent` of its own request, as far as it had them
    neighbours: frozenset[str]  # the sources of all events in the record; '' stands for those that can't be read
    event: EventLine | None = None
    redrive_of: int | None = None  # the dead letter that the record redrives


@dataclass(slots=True)
class Search:
    """The copies found, and how much of the topic was searched."""

    copies: list[EventCopy] = field(default_factory=list)
    records: int = 0
    seconds: float = 0.0
    complete: bool = True

    def extended(self, other: Search) -> Search:
        """Return what both searches found."""
        both = self.complete and other.complete
        return Search(self.copies + other.copies, self.records + other.records, self.seconds + other.seconds, both)


def search(event_id: UUID, ranges: Mapping[int, tuple[int, int]], *, budget: float = BUDGET) -> Search:
    """Search these ranges of the topic.

    :param ranges: partition -> first offset, and the offset after the last
    :param budget: seconds
    :raises StoreUnavailable: Kafka does not answer
    """
    began = time.monotonic()
    found = Search()
    if any(first < end for first, end in ranges.values()):
        with TopicReader(client_id="dataflow-trace", patience=_PATIENCE) as reader:
            # What an open transaction holds back can't be read yet.
            ends = reader.ends().partitions
            readable = {number: (first, min(end, ends[number][1])) for number, (first, end) in ranges.items()}
            _read(found, event_id, reader, readable, until=began + budget)
    found.seconds = time.monotonic() - began
    return found


def search_periods(
    event_id: UUID, rounds: Sequence[Mapping[int, Period]], ends: Mapping[int, int], *, budget: float
) -> Search:
    """Search the records of periods, one round after the other.

    :param ends: partition -> the offset that is searched no more
    :param budget: seconds
    :raises StoreUnavailable: Kafka does not answer
    """
    began = time.monotonic()
    found = Search()
    if rounds:
        with TopicReader(client_id="dataflow-trace", patience=_PATIENCE) as reader:
            last = dict(ends)
            for periods in rounds:
                if time.monotonic() - began > budget:
                    found.complete = False
                    break
                first = reader.offsets_at({number: period.begin for number, period in periods.items()})
                end = reader.offsets_at({number: period.end for number, period in periods.items()})
                ranges = {number: (offset, min(end[number], last.get(number, 0))) for number, offset in first.items()}
                _read(found, event_id, reader, ranges, until=began + budget)
                # The rounds go back in time, and periods overlap by what is written late.
                last |= {number: min(offset, last.get(number, 0)) for number, offset in first.items()}
    found.seconds = time.monotonic() - began
    return found


def _read(
    found: Search, event_id: UUID, reader: TopicReader, ranges: Mapping[int, tuple[int, int]], *, until: float
) -> None:
    """Search ranges until a time of time.monotonic()."""
    before, wanted = found.records, sum(max(0, end - first) for first, end in ranges.values())
    for chunk in reader.read(ranges, limit=CHUNK):
        for record in chunk:
            found.copies += _copies(event_id, record)
        found.records += len(chunk)
        if time.monotonic() > until or len(found.copies) >= MOST_COPIES:
            found.complete = found.records - before >= wanted
            break


def _copies(event_id: UUID, record: Record) -> Iterator[EventCopy]:
    text = str(event_id)
    ours = record_headers.version(record.headers) is not None
    # Our own records contain the id as text. Those of another producer may have it in capitals, or need it derived.
    if ours and text.encode() not in (record.value or b""):
        return
    try:
        lines = record_decoder.decode(record.value, record.headers, received=record.time, now=timestamps.now())
    except UnknownVersion:
        return
    traces, marks = record_headers.traces(record.headers), record_headers.requests(record.headers)
    neighbours = frozenset(line.source or "" for line in lines)
    for number, line in enumerate(lines):
        if _id_of(line) == text:
            received = line.received if isinstance(line, EventLine) else record.time
            mark = request_marks.of_line(marks, number)
            yield EventCopy(
                record.partition, record.offset, number, record.time, received, line.source or "",
                isinstance(line, EventLine), traces, mark.document() if mark else {}, neighbours, line if isinstance(line, EventLine) else None,
                record_headers.redriven_letter(record.headers),
            )  # fmt: skip


def _id_of(line: EventLine | InvalidLine) -> str | None:
    return line.id if isinstance(line, EventLine) else line.event_id
