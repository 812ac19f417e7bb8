"""Reads what the page of the pipeline shows; what can't be known now is None, and the page says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypedDict, TypeVar

from dashboard.pages.jobs import reading as jobs
from dashboard.pages.jobs.reading import JobRow
from dashboard.pages.pipeline import partitions, stores
from dashboard.pages.pipeline.partitions import PartitionRow
from dashboard.pages.pipeline.stores import StoreRow
from dashboard.panels import incidents, verdict
from dashboard.panels.incidents import Card
from dashboard.panels.verdict import Told, Verdict
from ingestion import problems
from ingestion.auth.read_scope import ReadScope
from processing.comparisons import request as comparisons
from processing.ledger import lost_records
from processing.models import Job, LedgerGap
from queries.pipeline import dependencies, held, ledger_minutes, rebalances, status
from queries.pipeline.held import Waits
from queries.pipeline.measured import measurements
from queries.pipeline.measured.measurements import Capacity, LatencyHistory
from queries.pipeline.rebalances import Rebalance
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.receivers import ingest_processes
from queries.schemas import Doors, LostRecordsShape, Pipeline, RecentMinute, Stores

MINUTES = 15  # of the ledger
REFUSED_MINUTES = 60
COMPARISONS = 5  # the last ones
WAITS_LONG = 60.0  # seconds; what came this moment waits, too
LOOKED_INTO = 3  # held partitions whose records are looked into, which takes up to some seconds for each

Found = TypeVar("Found")


class Refusal(TypedDict):
    """What receivers refused for one reason in the last hour."""

    code: str
    meaning: str
    count: int
    lastMinute: str


class Expiry(TypedDict):
    """When Kafka removes the oldest records that wait in a partition."""

    topic: str
    partition: int
    seconds: float  # from now


class ShownGap(LostRecordsShape):
    """A gap with a sentence about it."""

    sentence: str


class PipelinePage(TypedDict):
    """The page; None: unknown, or not for a reader of some sources."""

    pipeline: Pipeline | None
    told: Told | None
    verdict: Verdict | None
    partitions: list[PartitionRow] | None
    rebalancedAt: str | None
    rebalances: list[Rebalance] | None
    incidents: list[Card] | None
    doors: Doors | None
    refused: list[Refusal] | None
    stores: list[StoreRow]
    latencies: LatencyHistory | None
    minutes: list[RecentMinute] | None
    capacity: Capacity | None
    expiries: list[Expiry]
    comparisons: list[JobRow] | None
    gaps: list[ShownGap] | None


def read(*, scope: ReadScope, now: datetime) -> PipelinePage:
    """Read everything. Blocks up to some seconds while a server does not answer."""
    line, states = _line(scope)
    doors = line["doors"] if line else ingest_processes.read(scope=scope)
    history, capacity = measurements.latencies(scope=scope), measurements.capacity(scope=scope)
    rows = partitions.rows(line) if line else None
    return {
        "pipeline": line,
        "told": verdict.told(line) if line else None,
        "verdict": verdict.verdict(line) if line else None,
        "partitions": rows,
        "rebalancedAt": partitions.rebalanced_at(line) if line else None,
        "rebalances": _known(lambda: rebalances.read(scope=scope)) if line else None,
        # After one read that failed, each further one would wait for its own time limit.
        "incidents": _known(lambda: incidents.cards(scope=scope, waits=_waits(rows, scope, now))) if line else None,
        "doors": doors,
        "refused": refused(scope=scope, now=now),
        "stores": stores.rows(states, history),
        "latencies": history,
        "minutes": _known(lambda: ledger_minutes.recent(now, scope=scope, count=MINUTES)) if line else None,
        "capacity": capacity,
        "expiries": expiries_of(rows, capacity),
        "comparisons": _known(lambda: _comparisons(scope, now)) if line else None,
        "gaps": _known(lambda: _gaps(scope)) if line else None,
    }


def _line(scope: ReadScope) -> tuple[Pipeline | None, Stores | None]:
    try:
        line = status.read(scope=scope)
    except status.LedgerUnavailable as error:
        return None, error.states
    except ReadUnavailable:
        return None, dependencies.states()
    return line, line["stores"]


def _waits(rows: list[PartitionRow] | None, scope: ReadScope, now: datetime) -> dict[int, Waits]:
    """Return who waits in the first held partitions, as far as Kafka answers in time."""
    stopped = [row["partition"] for row in rows or () if row["held"]][:LOOKED_INTO]
    found = {number: held.waiting(number, scope=scope, now=now) for number in stopped}
    return {number: waits for number, waits in found.items() if waits is not None}


def _known(read_one: Callable[[], Found]) -> Found | None:
    try:
        return read_one()
    except ReadUnavailable:
        return None


def refused(*, scope: ReadScope, now: datetime) -> list[Refusal] | None:
    """Return what receivers refused in the last hour, the most frequent reason first; None: it is not known."""
    start = now - timedelta(minutes=REFUSED_MINUTES)
    found = ingest_processes.rejections(start, now, scope=scope, limit=REFUSED_MINUTES + 1)
    if found is None:
        return None
    counts: Counter[str] = Counter()
    last: dict[str, str] = {}
    for minute in found:
        counts.update(minute["reasons"])
        for code in minute["reasons"]:
            last.setdefault(code, minute["minute"])
    return [
        {"code": code, "meaning": problems.in_words(code), "count": count, "lastMinute": last[code]}
        for code, count in counts.most_common()
    ]


def _comparisons(scope: ReadScope, now: datetime) -> list[JobRow]:
    """Return the last jobs that compared the stores."""
    with postgres.bounded():
        rows = jobs.visible(scope, "").filter(kind=comparisons.KIND).defer("report", "place").order_by("-id")
        found: list[Job] = list(rows[:COMPARISONS])
    return [jobs.row(job, now=now) for job in found]


def _gaps(scope: ReadScope) -> list[ShownGap]:
    return [
        {**gap, "sentence": lost_records.sentence(gap["firstOffset"], gap["nextOffset"], LedgerGap.Cause(gap["cause"]))}
        for gap in ledger_minutes.gaps(scope=scope)
    ]


def expiries_of(rows: list[PartitionRow] | None, capacity: Capacity | None) -> list[Expiry]:
    """Return, for partitions in which records wait for long, when the first is as old as Kafka keeps them; soonest first."""
    kept = None if capacity is None else capacity["retentionSeconds"]
    if kept is None:
        return []
    found: list[Expiry] = [
        # The record before the first that waits is a little older.
        {"topic": row["topic"], "partition": row["partition"], "seconds": max(0.0, kept - row["seconds"])}
        for row in rows or ()
        if row["records"] and row["seconds"] is not None and row["seconds"] >= WAITS_LONG
    ]
    return sorted(found, key=lambda each: each["seconds"])
