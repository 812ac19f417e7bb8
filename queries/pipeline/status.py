"""The state of the pipeline at one moment: ledger, lag, consumers, incidents, receivers, stores."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ingestion.auth.read_scope import ReadScope
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import incidents, ledger
from processing.ledger.lag import PartitionLag
from processing.ledger.ledger import CountRange, SourceEquation
from processing.models import ConsumerMember, DeadLetter
from processing.partitions import paused
from queries.pipeline import dependencies, snapshot
from queries.pipeline.snapshot import PipelineSnapshot
from queries.reads import cache, postgres
from queries.receivers import ingest_processes
from queries.request.times import format_time
from queries.schemas import ConsumerShape, HeldShape, IncidentShape, LagShape, OpenLetters, Pipeline, Stores

KEPT_FOR = 1.0  # seconds
MAX_SOURCES = 1_000
MAX_INCIDENTS = 100  # listed; there is at most one for each kind and subject
MAX_LETTERS = 10_000  # counted in one state
# A consumer that missed this many heartbeats is gone.
MISSED_HEARTBEATS = 3


class LedgerUnavailable(postgres.ReadUnavailable):
    """PostgreSQL, which stores the ledger, does not answer. The states of the servers are in `states`."""

    def __init__(self, states: Stores) -> None:
        super().__init__()
        self.states = states


def read(*, scope: ReadScope) -> Pipeline:
    """Return the state of the pipeline, at most KEPT_FOR old.

    A reader of some sources gets the account of these, and nothing that is shared with others: no lag, no consumers,
    no held partitions, no incidents, no counters of receivers.

    :raises LedgerUnavailable: PostgreSQL does not answer the probe
    :raises ReadUnavailable: PostgreSQL stopped to answer after the probe
    """
    return cache.remembered(
        "pipeline", scope=scope, shape=Pipeline, seconds=KEPT_FOR, read=lambda: _read(datetime.now(tz=UTC), scope)
    )


def _read(now: datetime, scope: ReadScope) -> Pipeline:
    states = dependencies.states()
    if states["postgresql"]["state"] == "down":
        raise LedgerUnavailable(states)
    doors = ingest_processes.read(scope=scope) if states["redis"]["state"] == "up" else None
    acknowledged = None if doors is None else doors["accepted"]
    found = snapshot.read(now, scope=scope, max_sources=MAX_SOURCES + 1, acknowledged=acknowledged)
    with postgres.bounded():
        consumers, held, open_incidents = _consumers(now, scope), _held(scope), _incidents(scope)
        letters = _open_letters(scope)
    ends, lags = found.ends, found.lags
    return {
        "at": format_time(now),
        "ledger": found.equation(),
        "inFlightEstimated": found.estimated,
        "sources": _sources(found),
        "moreSources": len(found.snapshot.sources) > MAX_SOURCES,
        "lag": None if ends is None or lags is None or not scope.whole else lag_shapes(ends, lags),
        "lagAgeSeconds": found.lag_age,
        "consumers": consumers,
        "held": held,
        "incidents": open_incidents,
        "deadLetters": letters,
        "doors": doors,
        "stores": states,
    }


def _consumers(now: datetime, scope: ReadScope) -> list[ConsumerShape] | None:
    if not scope.whole:
        return None
    alive = now - timedelta(seconds=ConsumerMember.HEARTBEAT_SECONDS * MISSED_HEARTBEATS)
    return [
        {
            "member": row.member,
            "partitions": sorted(row.partitions),
            "since": format_time(row.since),
            "heartbeat": format_time(row.heartbeat),
            "state": row.state,
        }
        for row in ConsumerMember.objects.filter(heartbeat__gte=alive).order_by("member")
    ]


def _held(scope: ReadScope) -> list[HeldShape]:
    if not scope.whole:
        return []
    return [
        {
            "topic": row.topic.name,
            "partition": row.partition,
            "kind": row.kind,
            "since": format_time(row.since),
            "reason": row.reason,
            "remedy": paused.remedy(row.kind, row.topic.name, row.partition),
        }
        for row in paused.paused_now()
    ]


def _incidents(scope: ReadScope) -> list[IncidentShape]:
    if not scope.whole:
        return []
    return [
        {
            "kind": row.kind,
            "subject": row.subject,
            "detail": row.detail,
            "since": format_time(row.since),
            "lastSeen": format_time(row.last_seen),
            "count": row.count,
            "acknowledgedAt": None if row.acknowledged_at is None else format_time(row.acknowledged_at),
            "acknowledgedBy": row.acknowledged_by,
        }
        for row in incidents.open_incidents()[:MAX_INCIDENTS]
    ]


def _open_letters(scope: ReadScope) -> OpenLetters:
    """Count the dead letters that wait for an operator; those that were closed or sent do not."""
    return {"open": _letters(DeadLetter.State.OPEN, scope), "parked": _letters(DeadLetter.State.PARKED, scope)}


def _letters(state: DeadLetter.State, scope: ReadScope) -> CountRange:
    count = DeadLetter.objects.filter(**scope.lookup(), state=state).order_by()[: MAX_LETTERS + 1].count()
    return {"atLeast": min(count, MAX_LETTERS), "atMost": count if count <= MAX_LETTERS else None}


def lag_shapes(ends: TopicOffsets, lags: Iterable[PartitionLag]) -> list[LagShape]:
    """Return the lag of each partition as JSON."""
    return [
        {
            "topic": ends.name,
            "partition": each.partition,
            "records": each.records,
            "events": each.events.fewest if each.events.exact else None,
            "eventsRange": ledger.count_range(each.events),
            "seconds": None if each.seconds is None else round(each.seconds, 3),
        }
        for each in lags
    ]


def _sources(now: PipelineSnapshot) -> list[SourceEquation]:
    shown = list(now.snapshot.sources.items())[:MAX_SOURCES]
    return [{"sourceId": source or None, **now.equation_of(source, totals)} for source, totals in shown]
