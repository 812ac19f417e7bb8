"""What was stored since a time: for readers of the live feed who could not hear it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from processing.stores.jsonb import load_payload
from queries.events import conditions, listing
from queries.events.listing import ListedRow
from queries.reads import condition, postgres
from queries.reads.condition import Condition
from queries.request.filter_line.terms import FilterLine
from queries.request.selection import Selection
from queries.request.times import shifted
from queries.schemas import EventShape

MAX_COUNTED = 10_000  # events
# The index is by event time. What a sender kept for longer than this before it was stored is not found.
LATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StoredSince:
    """The newest of the events that were stored since a time, oldest first, and how many there are."""

    events: list[EventShape]
    count: int
    counted: bool  # False: there are more


def read(since: datetime, *, line: FilterLine, scope: ReadScope, rows: int) -> StoredSince:
    """Read what was stored after a time, of events that pass a filter.

    :raises InvalidParameter: the filter's patterns stand for too many sources
    :raises ReadUnavailable: PostgreSQL does not answer, or not in time
    """
    selection = Selection(line=line, start=shifted(since, -LATE))
    with postgres.bounded():
        within = selection.within(scope)
        later = Condition("stored > %s", [since])
        where = condition.all_of(condition.of_scope(within), conditions.of(selection), later)
        with connection.cursor() as cursor:
            newest = "ORDER BY ts DESC, source_id DESC, id DESC"
            cursor.execute(
                f"SELECT {listing.TEXTS} FROM events WHERE {where.text} {newest} LIMIT %s",  # noqa: S608 - made of constants
                [*where.values, rows],
            )
            found = [ListedRow(*row) for row in cursor.fetchall()]
            count = len(found)
            if count == rows:
                cursor.execute(
                    f"SELECT count(*) FROM (SELECT FROM events WHERE {where.text} LIMIT %s) AS found",  # noqa: S608
                    [*where.values, MAX_COUNTED + 1],
                )
                (count,) = cursor.fetchone() or (count,)
    events = [listing.listed(row, load_payload(row.payload)) for row in reversed(found)]
    return StoredSince(events, min(count, MAX_COUNTED), count <= MAX_COUNTED)
