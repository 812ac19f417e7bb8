"""The rate over time, from the ledger's minutes: the same for every reader, whenever it began to look."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Sum

from ingestion.auth.read_scope import ReadScope
from processing.models import LedgerMinute
from queries.reads import cache, postgres
from queries.request.times import format_time
from queries.schemas import MinuteRates

MINUTE = timedelta(minutes=1)
NEWEST = 3  # minutes that are read again and again; older ones change only when events are read long after receipt
NEWEST_KEPT_FOR = 1.0  # seconds
OLDER_KEPT_FOR = 30.0  # seconds
MIN_ELAPSED = 5.0  # seconds of the running minute, before which its rate would be chance

Sums = dict[str, tuple[int, int]]  # minute -> read, stored


def read(now: datetime, *, scope: ReadScope, count: int) -> MinuteRates:
    """Return the events per second of each of the last minutes, over all sources in the scope; the running minute is the last.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    running = now.replace(second=0, microsecond=0)
    first, newest = running - (count - 1) * MINUTE, running - (NEWEST - 1) * MINUTE
    older = cache.remembered(
        f"minutes.older.{first:%d%H%M}",
        scope=scope,
        shape=Sums,
        seconds=OLDER_KEPT_FOR,
        read=lambda: _sums(first, newest, scope),
    )
    latest = cache.remembered(
        f"minutes.newest.{running:%d%H%M}",
        scope=scope,
        shape=Sums,
        seconds=NEWEST_KEPT_FOR,
        read=lambda: _sums(newest, running + MINUTE, scope),
    )
    return columns({**older, **latest}, now=now, count=count)


def columns(sums: Sums, *, now: datetime, count: int) -> MinuteRates:
    """Return the rates of the last minutes; a minute without a row is one in which nothing was received."""
    running = now.replace(second=0, microsecond=0)
    elapsed = (now - running).total_seconds()
    lengths = {running - number * MINUTE: MINUTE.total_seconds() for number in range(count - 1, 0, -1)}
    if elapsed >= MIN_ELAPSED:
        lengths[running] = elapsed
    found = [(*sums.get(format_time(start), (0, 0)), seconds) for start, seconds in lengths.items()]
    return {
        "at": [format_time(start) for start in lengths],
        "read": [round(read / seconds, 2) for read, _, seconds in found],
        "stored": [round(stored / seconds, 2) for _, stored, seconds in found],
    }


def _sums(start: datetime, end: datetime, scope: ReadScope) -> Sums:
    """Return what was read and stored of the events received in each minute from `start` up to `end`."""
    with postgres.bounded():
        rows = LedgerMinute.objects.filter(**scope.lookup(), minute__gte=start, minute__lt=end).values("minute")
        summed = rows.annotate(read_sum=Sum("read"), stored_sum=Sum("stored"))
        found = summed.values_list("minute", "read_sum", "stored_sum")
        return {format_time(minute): (int(read), int(stored)) for minute, read, stored in found}
