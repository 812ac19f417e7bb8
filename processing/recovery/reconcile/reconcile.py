"""Check the ledger's equation: count Kafka, MongoDB and PostgreSQL at one snapshot of progress, and compare."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict
from uuid import UUID

import psycopg

from ingestion.events.timestamps import to_text_if_known
from processing.commandline.event_range import EventRange
from processing.commandline.progress import Progress
from processing.comparisons import request
from processing.errors import postgres_errors
from processing.kafka.end_offsets import TopicOffsets
from processing.kafka.topic_reader import TopicReader
from processing.ledger import lag, ledger, lost_records
from processing.ledger.header_counts import NONE, Waiting
from processing.ledger.header_reader import HeaderReader
from processing.ledger.ledger import Equation, PartitionProgress, Snapshot, SourceEquation, Totals
from processing.ledger.lost_records import Gap
from processing.recovery.recount import recount, recount_sql
from processing.recovery.recount.recount import OffsetRange

LISTED = 100  # differences in a report; all are counted
COUNT_SECONDS = 10.0  # for the headers of the records that wait

# A difference as JSON: kind, sourceId and eventId always, and members that help to find it.
Difference = dict[str, object]


class Proven(TypedDict):
    """The records of one partition that were read again: from `first` up to, not including, `to`."""

    partition: int
    first: int
    to: int
    records: int
    since: str | None  # all that was received from then on is included; None: nothing is
    whole: bool  # all that was ever read; if False, older counts are taken from the ledger, not proven


class GapShape(TypedDict):
    """Records that will never be read, from `first` up to, not including, `to`; None: the number is unknown."""

    topic: str
    partition: int
    first: int
    to: int | None
    cause: str
    sentence: str


Recounted = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a comparison; `ok` sums it up."""

    equation: Equation
    in_flight_estimated: bool
    recounted: Recounted  # by store
    proven: list[Proven]
    gaps: list[GapShape]  # accounted for, so not differences
    sources: list[SourceEquation]
    events: EventRange  # what the report covers, by the time received
    kinds: dict[str, int]  # how many differences of each kind
    differences: list[Difference]  # the first LISTED
    seconds: float

    @property
    def ok(self) -> bool:
        """Return whether everything agrees."""
        return not self.kinds


class ReportShape(TypedDict):
    """The report as JSON."""

    ok: bool
    judged: request.Scope
    equation: Equation
    inFlightEstimated: bool
    recounted: Recounted
    differences: list[Difference]  # the first LISTED
    kinds: dict[str, int]
    proven: list[Proven]
    gaps: list[GapShape]
    sources: list[SourceEquation]
    seconds: float


def shape(report: Report) -> ReportShape:
    """Return the report as JSON."""
    return {
        "ok": report.ok,
        "judged": request.scope(report.events),
        "equation": report.equation,
        "inFlightEstimated": report.in_flight_estimated,
        "recounted": report.recounted,
        "differences": report.differences,
        "kinds": report.kinds,
        "proven": report.proven,
        "gaps": report.gaps,
        "sources": report.sources,
        "seconds": report.seconds,
    }


@dataclass(frozen=True, slots=True)
class Comparison:
    """A report, and what a repair needs beside it."""

    report: Report
    topic: UUID  # Kafka's id
    parameters: dict[str, object]  # of recount_sql's queries
    uncounted: list[tuple[int, int, int]]  # partition, and the records and events missing in its counts


def run(events: EventRange | None = None, *, progress: Progress | None = None) -> Report:
    """Count everything again and compare; change nothing. Takes about two seconds for 20,000 events.

    :param events: cover only these, by the time received; None: all
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: an operator must act
    :raises Interrupted: SIGTERM or SIGINT arrived
    """
    with (
        postgres_errors(),
        recount.connect() as connection,
        recount.snapshot(connection) as at,
        TopicReader() as reader,
    ):
        return compare(connection, reader, at, events or EventRange(), progress or Progress()).report


def compare(
    connection: psycopg.Connection, reader: TopicReader, at: Snapshot, events: EventRange, progress: Progress
) -> Comparison:
    """Do what `run` does in the caller's snapshot; its temporary tables then hold all that was counted."""
    started = time.monotonic()
    events = recount.whole_hours(connection, events)
    # After the snapshot, so that every record in it is below these ends.
    ends = reader.ends()
    topic = recount.topic_row(connection, ends.topic)
    known_gaps = lost_records.read(connection.cursor())
    ranges = recount.count_topic(connection, reader, ends, at, known_gaps, progress)
    recount.count_documents(connection, progress)
    recount.count_rows(connection, progress)
    parameters = {"topic": topic, "kafka_id": ends.topic, "limit": LISTED, **events.parameters()}
    connection.execute(recount_sql.OUTCOMES, parameters)
    recounted = _recounted(connection, ranges, parameters)
    kinds, differences = _differences(connection, parameters, timed=events.timed, progress=progress)
    miscounted = [] if events.timed or events.source else [*_miscounted(ranges, ends, at)]
    for difference in [*_removed(ends, at, known=topic >= 0), *miscounted]:
        kind = str(difference["kind"])
        kinds[kind] = kinds.get(kind, 0) + 1
        differences.append(difference)
    in_flight = _in_flight(ends, at)
    report = Report(
        equation=_equation(connection, at, events, in_flight=in_flight),
        in_flight_estimated=not in_flight.exact,
        recounted=recounted,
        proven=[_proven(one) for one in ranges],
        gaps=[_gap(gap) for gap in known_gaps],
        sources=_sources(at, events, idle=in_flight == NONE),
        events=events,
        kinds=kinds,
        differences=differences[:LISTED],
        seconds=round(time.monotonic() - started, 3),
    )
    return Comparison(report, ends.topic, parameters, _uncounted(ranges, ends, at))


def _in_flight(ends: TopicOffsets, at: Snapshot) -> Waiting:
    """Count the events that wait by the headers of their records, or bound their number."""
    lags = lag.lags(ends, at.progress, now=datetime.now(tz=UTC))
    if any(each.records for each in lags):
        found = HeaderReader().read_now(ends.topic, lag.spans(lags), seconds=COUNT_SECONDS)
        lags = lag.counted(lags, found)
    return lag.in_flight(lags)


def _recounted(connection: psycopg.Connection, ranges: list[OffsetRange], parameters: dict[str, object]) -> Recounted:
    found = connection.execute(recount_sql.TALLY, parameters).fetchone()
    assert found is not None
    kafka, documents, rows, letters, dropped_by_replay = found
    return {
        "kafka": {"records": sum(one.records for one in ranges), **kafka},
        "mongodb": documents,
        "postgresql": {**rows, "deadLetters": letters, "droppedByReplay": dropped_by_replay},
    }


def _differences(
    connection: psycopg.Connection, parameters: dict[str, object], *, timed: bool, progress: Progress
) -> tuple[dict[str, int], list[Difference]]:
    kinds: dict[str, int] = {}
    listed: list[Difference] = []
    for number, (kind, query) in enumerate(recount_sql.DIFFERENCES.items()):
        progress.advance("kinds of difference looked for", number, len(recount_sql.DIFFERENCES))
        if timed and kind in recount_sql.TIMELESS:
            continue
        found = connection.execute(recount_sql.LISTED.format(query=query), parameters).fetchone()
        assert found is not None
        if found[0]:
            kinds[kind] = found[0]
            listed += [_difference(kind, **shown) for shown in found[1]]
    return kinds, listed


def _difference(
    kind: str, *, source_id: str | None, event_id: str | None, detail: Mapping[str, object], **place: int | None
) -> Difference:
    known = {name: value for name, value in place.items() if value is not None}
    return {"kind": kind, "sourceId": source_id or None, "eventId": event_id, **known, **detail}


def _removed(ends: TopicOffsets, at: Snapshot, *, known: bool) -> list[Difference]:
    """Return records that retention removed unread, and that no consumer has recorded as a gap yet.

    :param known: whether PostgreSQL has the topic; if not, no consumer has read it
    """
    if not known:
        return []
    # A partition without progress was never assigned to a consumer: nothing of it was read.
    unread = {
        partition: (done.next_offset if (done := at.progress.get((ends.topic, partition))) else 0, earliest)
        for partition, (earliest, _) in sorted(ends.partitions.items())
    }
    return [
        {
            "kind": "removed_unread",
            "sourceId": None,
            "eventId": None,
            "partition": partition,
            "offset": first,
            "records": earliest - first,
        }
        for partition, (first, earliest) in unread.items()
        if earliest > first
    ]


def _miscounted(ranges: list[OffsetRange], ends: TopicOffsets, at: Snapshot) -> list[Difference]:
    """Return partitions whose own counts of records and events differ from the recount."""
    return [
        {
            "kind": "progress_differs",
            "sourceId": None,
            "eventId": None,
            "partition": one.partition,
            "progress": {"records": done.records, "events": done.events},
            "recounted": {"records": one.records, "events": one.events},
        }
        for one in ranges
        if one.whole and not _counted(one, done := at.progress[ends.topic, one.partition])
    ]


def _counted(one: OffsetRange, done: PartitionProgress) -> bool:
    return (one.records, one.events) == (done.records, done.events)


def _uncounted(ranges: list[OffsetRange], ends: TopicOffsets, at: Snapshot) -> list[tuple[int, int, int]]:
    """Return by how many records and events the partitions' own counts are too small."""
    done = {one: at.progress[ends.topic, one.partition] for one in ranges if one.whole}
    return [
        (one.partition, one.records - its.records, one.events - its.events)
        for one, its in done.items()
        if not _counted(one, its)
    ]


def _proven(one: OffsetRange) -> Proven:
    return {
        "partition": one.partition,
        "first": one.first,
        "to": one.next,
        "records": one.records,
        "since": to_text_if_known(one.since),
        "whole": one.whole,
    }


def _gap(gap: Gap) -> GapShape:
    return {
        "topic": gap.name,
        "partition": gap.partition,
        "first": gap.first,
        "to": gap.next,
        "cause": gap.cause.value,
        "sentence": gap.sentence,
    }


def _equation(connection: psycopg.Connection, at: Snapshot, events: EventRange, *, in_flight: Waiting) -> Equation:
    if not events.timed and not events.source:
        return ledger.equation(at.total, in_flight=in_flight)
    found = connection.execute(recount_sql.TOTALS, events.parameters()).fetchone()
    assert found is not None
    # Events in flight have no known source or time, so their number within a range is known only if it is zero.
    return ledger.equation(Totals(*found), in_flight=NONE if in_flight == NONE else None)


def _sources(at: Snapshot, events: EventRange, *, idle: bool) -> list[SourceEquation]:
    """Return the equation of each source, of all time. What is in flight has no known source, unless it is zero."""
    if events.timed:
        return []
    return [
        {"sourceId": name or None, **ledger.equation(totals, in_flight=NONE if idle else None)}
        for name, totals in at.sources.items()
        if events.source is None or name == events.source
    ]
