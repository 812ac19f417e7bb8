"""The whole line at one moment: ledger, lag, consumers, doors, stores."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from processing import lag, ledger
from processing.lag import Ends, PartitionLag
from processing.ledger import Snapshot
from processing.models import ConsumerMember
from queries import cache, doors, postgres, stores
from queries.shapes import ConsumerShape, LagShape, Pipeline, SourceEquation
from queries.times import format_time

KEPT_FOR = 1.0  # seconds
MAX_SOURCES = 1_000
# A consumer that missed so many of its signs of life is gone.
MISSED_HEARTBEATS = 3


def read() -> Pipeline:
    """Give the line as it is, at most KEPT_FOR old.

    :raises StoreUnavailable: PostgreSQL, which holds the ledger, does not answer
    """
    return cache.remembered("pipeline", seconds=KEPT_FOR, read=lambda: _read(datetime.now(tz=UTC)))


def _read(now: datetime) -> Pipeline:
    states = stores.states()
    if states["postgresql"]["state"] == "down":
        raise postgres.StoreUnavailable
    # Before the ledger, so that nothing it counts as read can be counted as in flight as well.
    ends = lag.raw_data_ends()
    with postgres.bounded():
        snapshot = ledger.snapshot(max_sources=MAX_SOURCES + 1)
        consumers = _consumers(now)
    lags = None if ends is None else lag.lags(ends, snapshot.progress, now=now)
    # An old answer is shown with its age; what came in since then nobody knows.
    known = lags if states["kafka"]["state"] == "up" else None
    in_flight = None if known is None else sum(partition.events for partition in known)
    return {
        "at": format_time(now),
        "ledger": ledger.equation(snapshot.total, in_flight=in_flight),
        "inFlightEstimated": in_flight != 0,
        "sources": _sources(snapshot, ends, known),
        "moreSources": len(snapshot.sources) > MAX_SOURCES,
        "lag": None if ends is None or lags is None else _lag(ends, lags),
        "lagAgeSeconds": None if ends is None else round(time.monotonic() - ends.read_at, 3),
        "consumers": consumers,
        "doors": doors.read() if states["redis"]["state"] == "up" else None,
        "stores": states,
    }


def _consumers(now: datetime) -> list[ConsumerShape]:
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


def _lag(ends: Ends, lags: Iterable[PartitionLag]) -> list[LagShape]:
    return [
        {
            "topic": ends.name,
            "partition": each.partition,
            "records": each.records,
            "events": each.events,
            "seconds": None if each.seconds is None else round(each.seconds, 3),
        }
        for each in lags
    ]


def _sources(snapshot: Snapshot, ends: Ends | None, lags: list[PartitionLag] | None) -> list[SourceEquation]:
    shown = list(snapshot.sources.items())[:MAX_SOURCES]
    if ends is None or lags is None:
        return [{"sourceId": source or None, **ledger.equation(totals, in_flight=None)} for source, totals in shown]
    waiting = lag.Waiting(ends.topic, lags, snapshot.progress)
    return [
        {
            "sourceId": source or None,
            **ledger.equation(totals, in_flight=waiting.of_source(source, read=totals.read)),
        }
        for source, totals in shown
    ]
