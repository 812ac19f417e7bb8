"""How much sources have sent lately, by the ledger: what was stored of what was received in each of the last hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.reads import cache, postgres
from queries.schemas import Activity

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOURS = 24

NEWEST = timedelta(
    minutes=2
)  # before the running one; older minutes change only when events are read long after receipt
OLDER_KEPT_FOR = 10.0  # seconds; they are 1,440 rows of each source

# By the primary key. Minutes of the last two days are never folded into hours (processing.packing.job).
_HOURLY = """
SELECT own.source, extract(epoch FROM found.hour - %s)::int / 3600, found.stored FROM unnest(%s::text[]) AS own (source) CROSS JOIN LATERAL (
    SELECT date_bin('1 hour', minute, %s) AS hour, sum(stored)::bigint AS stored
    FROM ledger_minute WHERE source_id = own.source AND minute >= %s AND minute < %s GROUP BY hour) AS found
"""

Counts = dict[str, list[int]]  # source -> stored events by hour, HOURS of them


@dataclass(frozen=True, slots=True)
class Hours:
    """The stored events of one source by hour of receipt: HOURS of them, the last of which ends now."""

    counts: list[int]
    elapsed: timedelta  # of the last hour, of which the running minute is part

    @property
    def last_hour(self) -> Activity:
        """Return what came within the last hour."""
        return _activity(self.counts[-1], self.elapsed)

    @property
    def last_day(self) -> Activity:
        """Return what came within the last day."""
        return _activity(sum(self.counts), self.elapsed + HOUR * (HOURS - 1))


def read(sources: Sequence[str], *, scope: ReadScope, now: datetime) -> dict[str, Hours]:
    """Return the last hours of sources, in the scope or not: of others nothing has come.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    within = scope.among(sources)
    running = now.replace(second=0, microsecond=0)
    first, newest = running + MINUTE - HOUR * HOURS, running - NEWEST
    older = cache.remembered(
        f"activity.{first:%d%H%M}",
        scope=within,
        shape=Counts,
        seconds=OLDER_KEPT_FOR,
        read=lambda: _counts(within, first, (first, newest)),
    )
    # A receiver whose clock is ahead counts as of now.
    latest = _counts(within, first, (newest, now + HOUR * HOURS))
    elapsed = now - (running + MINUTE - HOUR)
    nothing = [0] * HOURS
    return {
        source: Hours(list(map(add, older.get(source, nothing), latest.get(source, nothing))), elapsed)
        for source in sources
    }


def _counts(scope: ReadScope, first: datetime, span: tuple[datetime, datetime]) -> Counts:
    """Return what was stored of what was received in a span, by the hours from `first` on."""
    found: Counts = defaultdict(lambda: [0] * HOURS)
    with postgres.bounded(), connection.cursor() as cursor:
        cursor.execute(_HOURLY, [first, sorted(scope.sources or ()), first, *span])
        for source, hour, stored in cursor.fetchall():
            found[source][min(hour, HOURS - 1)] += stored
    return found


def _activity(events: int, span: timedelta) -> Activity:
    return {"events": events, "perSecond": round(events / span.total_seconds(), 4)}
