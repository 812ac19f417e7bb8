"""The ledger by minute and source (older minutes are added up by hour), with rejected events and records that Kafka lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import msgspec
from django.db.models import Max, Q, Sum

from ingestion.auth.read_scope import ReadScope
from processing.ledger import ledger
from processing.ledger.header_counts import NONE
from processing.ledger.ledger import Equation, Totals
from processing.models import LedgerGap, LedgerMinute, LedgerSpan, SourceStatistics
from queries.pipeline import snapshot
from queries.pipeline.snapshot import PipelineSnapshot
from queries.reads import cache, postgres
from queries.receivers import ingest_processes
from queries.request import pagination
from queries.request.pagination import Address, CursorPage
from queries.request.query_params import Parameters
from queries.request.times import format_time, from_micros, shifted, to_micros
from queries.schemas import LedgerMinutes, LostRecordsShape, MinuteEquation, RecentMinute, RefusedMinute

PARAMETERS = ("source_id", "start_time", "end_time", "limit", "cursor")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
REFUSED_SPAN = timedelta(hours=1)  # of rejections, if no time is given
MOST_GAPS = 100
KEPT_FOR = 2.0  # seconds

_COUNTS = ("read", "stored", "duplicate", "dead_lettered", "dropped")
_SUMS = {f"{name}_sum": Sum(name) for name in _COUNTS}


@dataclass(frozen=True, slots=True)
class Minute:
    """What was received within one minute or hour, of one source or of all."""

    start: datetime
    length: timedelta
    source_id: str
    totals: Totals


class MinuteCursor(msgspec.Struct, array_like=True, frozen=True):
    """A position in the list of minutes and sources, which is newest first."""

    backward: bool
    minute: int  # microseconds since the epoch
    source_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MinutesQuery:
    """Which minutes to read, and which page of them."""

    source_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    limit: int = pagination.DEFAULT_LIMIT
    cursor: MinuteCursor | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used
        """
        start, end = parameters.span()
        return cls(
            source_id=parameters.source_id(),
            start=start,
            end=end,
            limit=pagination.limit(parameters),
            cursor=pagination.cursor(parameters, MinuteCursor),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """One page of the ledger, with the account of everything (or of one source)."""

    at: datetime
    total: Equation
    minutes: CursorPage[MinuteEquation]
    rejected: list[RefusedMinute] | None
    gaps: list[LostRecordsShape]

    def as_json(self, address: Address) -> LedgerMinutes:
        """Return the page as JSON, with addresses in place of cursors."""
        return {
            **pagination.as_json(self.minutes, address),
            "at": format_time(self.at),
            "total": self.total,
            "inFlightEstimated": self.total["inFlight"] is None and self.total["inFlightRange"] is not None,
            "refusedAtDoors": self.rejected,
            "gaps": self.gaps,
        }


def page(query: MinutesQuery, *, scope: ReadScope, now: datetime) -> LedgerPage:
    """Read one page, the newest minute first.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    within = scope.narrowed(query.source_id)
    backward = query.cursor is not None and query.cursor.backward
    doors = ingest_processes.read(scope=scope)
    here = snapshot.read(now, scope=scope, max_sources=0, acknowledged=None if doors is None else doors["accepted"])
    with postgres.bounded():
        total = here.equation() if query.source_id is None else here.equation_of(query.source_id, _totals(within))
        found = _minutes(query, within, backward=backward)
        found_gaps = _gaps(scope)
    part = pagination.cut(found, limit=query.limit, backward=backward, continued=query.cursor is not None)
    minutes = pagination.page(
        part,
        forward=lambda row: MinuteCursor(False, to_micros(row.start), row.source_id),  # noqa: FBT003 - a msgspec.Struct by place
        backward=lambda row: MinuteCursor(True, to_micros(row.start), row.source_id),  # noqa: FBT003
        shape=lambda row: _shape(row, here),
    )
    rejected = None if query.source_id else _rejected(query, scope, now)
    return LedgerPage(at=now, total=total, minutes=minutes, rejected=rejected, gaps=found_gaps)


def recent(now: datetime, *, scope: ReadScope, count: int) -> list[RecentMinute]:
    """Return those of the last minutes in which anything was received or rejected, over all sources in the scope.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    return cache.remembered(
        f"minutes.recent.{count}",
        scope=scope,
        shape=list[RecentMinute],
        seconds=KEPT_FOR,
        read=lambda: _recent(now, scope, count),
    )


def _recent(now: datetime, scope: ReadScope, count: int) -> list[RecentMinute]:
    start = now - count * MINUTE
    with postgres.bounded():
        rows = LedgerMinute.objects.filter(**scope.lookup(), minute__gt=start).values("minute").annotate(**_SUMS)
        accounts = {format_time(minute): _added_up(sums) for minute, *sums in rows.values_list("minute", *_SUMS)}
    refused = ingest_processes.rejections(start, now, scope=scope, limit=count)
    counts = {each["minute"]: each["refused"] for each in refused or ()}
    return [
        _recent_shape(minute, accounts.get(minute, Totals()), None if refused is None else counts.get(minute, 0))
        for minute in sorted({*accounts, *counts}, reverse=True)[:count]
    ]


def _recent_shape(minute: str, totals: Totals, refused: int | None) -> RecentMinute:
    return {
        "minute": minute,
        "read": totals.read,
        "stored": totals.stored,
        "duplicate": totals.duplicate,
        "deadLettered": totals.dead_lettered,
        "dropped": totals.dropped,
        "unaccounted": totals.read - totals.settled,
        "refused": refused,
    }


def _minutes(query: MinutesQuery, scope: ReadScope, *, backward: bool) -> list[Minute]:
    """Read one row more than the limit, away from the cursor."""
    rows = LedgerSpan.objects.filter(_wanted(query), **scope.lookup())
    if query.cursor is not None:
        rows = rows.filter(_beyond(query.cursor))
    order = ("minute", "source_id") if backward else ("-minute", "-source_id")
    # The first minute of an hour may have a row of its own beside the hour's.
    summed = rows.values("minute", "source_id").annotate(**_SUMS, length=Max("seconds")).order_by(*order)
    found = summed.values_list("minute", "source_id", "length", *_SUMS)[: query.limit + 1]
    return [
        Minute(start, timedelta(seconds=seconds), source, _added_up(sums)) for start, source, seconds, *sums in found
    ]


def _added_up(sums: Iterable[object]) -> Totals:
    return Totals(*(int(each) for each in sums))  # type: ignore[call-overload]  # PostgreSQL adds bigints up to numerics


def _wanted(query: MinutesQuery) -> Q:
    """Return the condition for minutes in the range, and for hours that overlap it."""
    wanted = Q()
    if query.start is not None:
        begun = Q(minute__gt=shifted(query.start, -HOUR), seconds=HOUR.seconds)
        wanted &= Q(minute__gt=shifted(query.start, -HOUR)) & (Q(minute__gte=query.start) | begun)
    return wanted & Q(minute__lt=query.end) if query.end is not None else wanted


def _beyond(cursor: MinuteCursor) -> Q:
    minute, side = from_micros(cursor.minute), "gt" if cursor.backward else "lt"
    # The first part is implied by the second; the index can use it.
    return Q(**{f"minute__{side}e": minute}) & (
        Q(**{f"minute__{side}": minute}) | Q(**{f"source_id__{side}": cursor.source_id})
    )


def _shape(row: Minute, here: PipelineSnapshot) -> MinuteEquation:
    settled = here.settled_before()
    over = settled is not None and row.start + row.length <= settled
    return {
        "sourceId": row.source_id or None,
        "minute": format_time(row.start),
        "seconds": row.length.seconds,
        "read": row.totals.read,
        **ledger.equation(row.totals, in_flight=NONE if over else None),
    }


def _totals(scope: ReadScope) -> Totals:
    """Return the totals of a scope of one source."""
    row = SourceStatistics.objects.filter(**scope.lookup()).values_list(*_COUNTS).first()
    return Totals(*(row or ()))


def _rejected(query: MinutesQuery, scope: ReadScope, now: datetime) -> list[RefusedMinute] | None:
    end = query.end or now
    start = query.start or shifted(end, -REFUSED_SPAN)
    return ingest_processes.rejections(start, end, scope=scope, limit=query.limit)


def gaps(*, scope: ReadScope) -> list[LostRecordsShape]:
    """Return records that will never be read, those that were noticed last first; a reader of some sources gets none.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        return _gaps(scope)


def _gaps(scope: ReadScope) -> list[LostRecordsShape]:
    # Nobody knows whose events were in the records.
    if not scope.whole:
        return []
    rows = LedgerGap.objects.select_related("topic").order_by("-noticed_at", "-id")[:MOST_GAPS]
    return [
        {
            "topic": row.topic.name,
            "partition": row.partition,
            "firstOffset": row.first_offset,
            "nextOffset": row.next_offset,
            "records": None if row.next_offset is None else row.next_offset - row.first_offset,
            "cause": row.cause,
            "noticedAt": format_time(row.noticed_at),
        }
        for row in rows
    ]
