"""Marks what a transaction changes, by source and hour of event time, in the transaction itself.

A reader keeps an answer with PostgreSQL's snapshot from before it was read. The answer is right as long as no mark within its
sources and its time was made by a transaction that the snapshot does not see (queries.reads.kept_answers). Nothing can come
between a commit and its marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from processing.cursors import Cursor

HOUR = 3_600_000_000  # microseconds
# How long answers may be kept: older marks are removed, so an older answer could not be compared any more.
MARKS_LAST = timedelta(hours=2)
# Marks of one batch; of a batch with more, a source's events are marked as of any hour. That is a batch of scattered history,
# which changes more rollups than that.
MOST_HOURS = 1_000

_AGAIN = "ON CONFLICT (source_id, hour) DO UPDATE SET changed = excluded.changed, marked = excluded.marked"
_MARK = f"""
INSERT INTO change_mark (source_id, hour)
SELECT source_id, coalesce(to_timestamp(hour * 3600), '-infinity')
FROM unnest(%s::text[], %s::bigint[]) AS u (source_id, hour) ORDER BY source_id, hour NULLS FIRST {_AGAIN}
"""  # noqa: S608 - constants only
# Every hour of every source, as after a restore: what was read before it is about other rows.
EVERYTHING = f"INSERT INTO change_mark (source_id, hour) SELECT source_id, '-infinity' FROM source_statistics {_AGAIN}"  # noqa: S608
# In any order, so none that somebody else is changing: it would wait for them, and they for it.
_FORGET = f"""
DELETE FROM change_mark WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM change_mark WHERE marked < now() - interval '{MARKS_LAST.total_seconds():.0f} s' LIMIT 10000 FOR UPDATE SKIP LOCKED))
"""  # noqa: S608 - constants only


def mark(cursor: Cursor, sources: Sequence[str], times: Sequence[int]) -> None:
    """Mark the hours of events, within the transaction that stores them.

    :param times: event times in microseconds since the epoch
    """
    if not sources:
        return
    found: set[tuple[str, int | None]] = {(source, ts // HOUR) for source, ts in zip(sources, times, strict=True)}
    if len(found) > MOST_HOURS:
        found = {(source, None) for source in set(sources)}
    cursor.execute(_MARK, [[source for source, _ in found], [hour for _, hour in found]])


def of_hours(hours: str) -> str:
    """Return the statement that marks hours.

    :param hours: SQL of rows with `source_id` and `hour`
    """
    return (
        f"INSERT INTO change_mark (source_id, hour) SELECT DISTINCT source_id, hour FROM {hours} ORDER BY 1, 2 {_AGAIN}"  # noqa: S608
    )


def forget(cursor: Cursor) -> None:
    """Remove marks that are too old to be of use."""
    cursor.execute(_FORGET)
