"""The whole line at one moment: ledger, lag, consumers, incidents, doors, stores."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from processing.end_offsets import Ends
from processing.lag import PartitionLag
from processing.models import ConsumerMember
from queries import cache, doors, incidents, postgres, standing, stores
from queries.shapes import ConsumerShape, LagShape, Pipeline, SourceEquation, Stores
from queries.standing import Standing
from queries.times import format_time

KEPT_FOR = 1.0  # seconds
MAX_SOURCES = 1_000
# A consumer that missed so many of its signs of life is gone.
MISSED_HEARTBEATS = 3


class LedgerUnavailable(postgres.StoreUnavailable):
    """PostgreSQL, which holds the ledger, does not answer; how the servers are is known all the same."""

    def __init__(self, states: Stores) -> None:
        super().__init__()
        self.states = states


def read() -> Pipeline:
    """Give the line as it is, at most KEPT_FOR old.

    :raises LedgerUnavailable: PostgreSQL was found to be away
    :raises StoreUnavailable: it went away while it was read
    """
    return cache.remembered("pipeline", seconds=KEPT_FOR, read=lambda: _read(datetime.now(tz=UTC)))


def _read(now: datetime) -> Pipeline:
    states = stores.states()
    if states["postgresql"]["state"] == "down":
        raise LedgerUnavailable(states)
    with postgres.bounded():
        now_standing = standing.read(now, max_sources=MAX_SOURCES + 1)
        consumers = _consumers(now)
        held, open_incidents = incidents.held(), incidents.opened()
    ends, lags = now_standing.ends, now_standing.lags
    return {
        "at": format_time(now),
        "ledger": now_standing.equation(),
        "inFlightEstimated": now_standing.in_flight != 0,
        "sources": _sources(now_standing),
        "moreSources": len(now_standing.snapshot.sources) > MAX_SOURCES,
        "lag": None if ends is None or lags is None else lag_shapes(ends, lags),
        "lagAgeSeconds": now_standing.lag_age,
        "consumers": consumers,
        "held": held,
        "incidents": open_incidents,
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


def lag_shapes(ends: Ends, lags: Iterable[PartitionLag]) -> list[LagShape]:
    """Lay out what each partition holds beyond its progress."""
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


def _sources(now: Standing) -> list[SourceEquation]:
    shown = list(now.snapshot.sources.items())[:MAX_SOURCES]
    return [{"sourceId": source or None, **now.equation_of(source, totals)} for source, totals in shown]
