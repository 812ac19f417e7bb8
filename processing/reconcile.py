"""Proves the equation: Kafka, MongoDB and PostgreSQL counted again at one snapshot of progress, and compared."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

import psycopg

from processing import gaps, lag, ledger, recount, recount_sql
from processing.failures import from_postgres
from processing.gaps import Gap
from processing.lag import Ends
from processing.ledger import Equation, PartitionProgress, Snapshot
from processing.recount import Stretch
from processing.topic_reader import TopicReader

LISTED = 100  # differences; all are counted

# A difference as it leaves the process: kind, sourceId and eventId always, and what helps to find it.
Difference = dict[str, object]


class Proven(TypedDict):
    """The records of one partition that were read again: from `from` up to, not including, `to`."""

    partition: int
    first: int
    to: int
    records: int
    whole: bool  # everything that was ever read; if not, older figures of the ledger are carried, not proven


class GapShape(TypedDict):
    """Records that nobody will ever read, from `first` up to, not including, `to`; None: not known how many."""

    topic: str
    partition: int
    first: int
    to: int | None
    cause: str
    sentence: str


class SourceEquation(Equation):
    """The account of one source; None stands for lines whose source can't be read."""

    sourceId: str | None  # noqa: N815 - as in JSON


Recounted = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `ok` is what counts."""

    equation: Equation
    in_flight_estimated: bool
    recounted: Recounted  # by store
    proven: list[Proven]
    gaps: list[GapShape]  # accounted for, so no difference
    sources: list[SourceEquation]
    kinds: dict[str, int]  # how many differences of each kind
    differences: list[Difference]  # the first of them
    seconds: float

    @property
    def ok(self) -> bool:
        """Tell whether everything agrees."""
        return not self.kinds


class ReportShape(TypedDict):
    """The report as JSON."""

    ok: bool
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
    """Lay the report out for programs."""
    return {
        "ok": report.ok,
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


def run(*, source: str | None = None) -> Report:
    """Count everything again and compare; changes nothing. Takes about a second for 20,000 events.

    :param source: list only the differences and the account of this one; everything is counted all the same
    :raises StoreUnavailable: a store does not answer, so nothing can be told
    :raises NeedsOperator: the same, and someone must act
    """
    try:
        return _run(source)
    except psycopg.Error as error:
        raise from_postgres(error) from error


def _run(source: str | None) -> Report:
    started = time.monotonic()
    with recount.snapshot() as (connection, at), TopicReader() as reader:
        # After the snapshot, so that nothing it knows can be missing here.
        ends = reader.ends()
        topic = recount.topic_row(connection, ends.topic)
        known_gaps = gaps.read(connection.cursor())
        stretches = recount.count_topic(connection, reader, ends, at, known_gaps)
        recount.count_documents(connection)
        recount.count_rows(connection)
        known = {"topic": topic, "kafka_id": ends.topic, "source": source, "limit": LISTED}
        connection.execute(recount_sql.OUTCOMES, known)
        recounted = _recounted(connection, stretches, known)
        kinds, differences = _differences(connection, known)
    for difference in [*_removed(ends, at), *_progress(stretches, ends, at)]:
        kind = str(difference["kind"])
        kinds[kind] = kinds.get(kind, 0) + 1
        differences.append(difference)
    lags = lag.lags(ends, at.progress, now=datetime.now(tz=UTC))
    in_flight = sum(partition.events for partition in lags)
    return Report(
        equation=ledger.equation(at.total, in_flight=in_flight),
        in_flight_estimated=in_flight != 0,
        recounted=recounted,
        proven=[_proven(stretch) for stretch in stretches],
        gaps=[_gap(gap) for gap in known_gaps],
        sources=_sources(at, source, idle=in_flight == 0),
        kinds=kinds,
        differences=differences[:LISTED],
        seconds=round(time.monotonic() - started, 3),
    )


def _recounted(connection: psycopg.Connection, stretches: list[Stretch], known: dict[str, object]) -> Recounted:
    found = connection.execute(recount_sql.TALLY, known).fetchone()
    assert found is not None
    kafka, documents, rows, letters = found
    return {
        "kafka": {"records": sum(stretch.records for stretch in stretches), **kafka},
        "mongodb": documents,
        "postgresql": {**rows, "deadLetters": letters},
    }


def _differences(connection: psycopg.Connection, known: dict[str, object]) -> tuple[dict[str, int], list[Difference]]:
    kinds: dict[str, int] = {}
    listed: list[Difference] = []
    for kind, query in recount_sql.DIFFERENCES.items():
        found = connection.execute(recount_sql.LISTED.format(query=query), known).fetchone()
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


def _removed(ends: Ends, at: Snapshot) -> list[Difference]:
    """Records that retention took before anybody read them, and that no consumer has written down as a gap yet."""
    return [
        {
            "kind": "removed_unread",
            "sourceId": None,
            "eventId": None,
            "partition": partition,
            "offset": done.next_offset,
            "records": earliest - done.next_offset,
        }
        for partition, (earliest, _) in sorted(ends.partitions.items())
        if (done := at.progress.get((ends.topic, partition))) and done.records and earliest > done.next_offset
    ]


def _progress(stretches: list[Stretch], ends: Ends, at: Snapshot) -> list[Difference]:
    """Partitions whose own count of records and events is not what they hold."""
    return [
        {
            "kind": "progress_differs",
            "sourceId": None,
            "eventId": None,
            "partition": stretch.partition,
            "progress": {"records": done.records, "events": done.events},
            "recounted": {"records": stretch.records, "events": stretch.events},
        }
        for stretch in stretches
        if stretch.whole and not _counted(stretch, done := at.progress[ends.topic, stretch.partition])
    ]


def _counted(stretch: Stretch, done: PartitionProgress) -> bool:
    return (stretch.records, stretch.events) == (done.records, done.events)


def _proven(stretch: Stretch) -> Proven:
    return {
        "partition": stretch.partition,
        "first": stretch.first,
        "to": stretch.next,
        "records": stretch.records,
        "whole": stretch.whole,
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


def _sources(at: Snapshot, source: str | None, *, idle: bool) -> list[SourceEquation]:
    """Lay out the account of each source; what is in flight has no source yet, unless it is nothing."""
    return [
        {"sourceId": name or None, **ledger.equation(totals, in_flight=0 if idle else None)}
        for name, totals in at.sources.items()
        if source is None or name == source
    ]
