"""Moves loose rollups into packed rows, a few at a time, and takes hours of fields out of packed rows."""

from __future__ import annotations

from datetime import datetime

from processing.cursors import Cursor
from processing.stores import row_sql
from processing.stores.packed.rollups import BOTH, KEY, SAME_AS, VALUES, Rollups, day_of

Place = tuple[str, str, datetime]  # source, field, start of a span

# Packed rows that one call changes, as each is unpacked as a whole: with 1,440 minutes each that takes about three seconds.
MOST_DAYS = 200

# One at a time: a packed row is replaced as a whole, and must not be one that another has just written.
_LOCK = f"SELECT pg_advisory_xact_lock({0x7061636B})"  # "pack"
_COLUMNS = f"{KEY}, {', '.join(VALUES)}"

_TABLES = """
CREATE TEMP TABLE IF NOT EXISTS packing_loose (LIKE rollup_minute) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS packing_span (LIKE rollup_minute, PRIMARY KEY (source_id, field, start))
    ON COMMIT DELETE ROWS;
-- For more than one call in a transaction.
DELETE FROM packing_loose;
DELETE FROM packing_span;
"""


def _take(rollups: Rollups) -> str:
    """Take loose rows, except those that a consumer is changing: it must not wait, and they are taken next time."""
    return f"""
WITH found AS (
    SELECT ctid AS place, source_id, field, start FROM {rollups.loose} WHERE (%(source)s::text IS NULL OR ({KEY}) > (%(source)s, %(field)s, %(start)s))
        AND start < %(before)s ORDER BY {KEY} LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
numbered AS (SELECT place, dense_rank() OVER (ORDER BY source_id, field, {day_of("start")}) AS day FROM found),
-- By their places, which takes half the time of their keys: they are locked. One that changed just before stays.
gone AS (DELETE FROM {rollups.loose} WHERE ctid = ANY (ARRAY(SELECT place FROM numbered WHERE day <= {MOST_DAYS})) RETURNING *)
INSERT INTO packing_loose ({_COLUMNS}) SELECT {_COLUMNS} FROM gone
"""  # noqa: S608 - constants only


_LAST = f"SELECT {KEY} FROM packing_loose ORDER BY source_id DESC, field DESC, start DESC LIMIT 1"  # noqa: S608
_ADD = row_sql.fold_spans("packing_span", "packing_loose")


def _load(rollups: Rollups) -> str:
    """Unpack the rows that get more."""
    days = f"SELECT DISTINCT source_id, field, {day_of('start')} AS day FROM packing_loose"  # noqa: S608
    packed = f"(SELECT p.* FROM ({days}) AS d JOIN {rollups.packed} AS p USING (source_id, field, day))"  # noqa: S608
    return f"INSERT INTO packing_span ({_COLUMNS}) SELECT {_COLUMNS} FROM ({rollups.unpacked(packed)}) AS p"  # noqa: S608


def _array(name: str) -> str:
    other = "1" if name == "count" else SAME_AS.get(name)
    if other is None:
        return f"array_agg({name} ORDER BY start)"
    return f"CASE WHEN bool_or({name} <> {other}) THEN array_agg(nullif({name}, {other}) ORDER BY start) END"


def _write(rollups: Rollups) -> str:
    names = ("slot", *VALUES)
    return f"""
INSERT INTO {rollups.packed} (source_id, field, day, {", ".join(names)})
SELECT source_id, field, {day_of("start")} AS day, array_agg({rollups.slot} ORDER BY start),
    {", ".join(_array(name) for name in VALUES)}
FROM packing_span GROUP BY source_id, field, day ORDER BY source_id, field, day
ON CONFLICT (source_id, field, day) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in names)}
"""  # noqa: S608 - constants only


def pack(
    cursor: Cursor, rollups: Rollups, *, after: Place | None, before: datetime, limit: int
) -> tuple[int, Place | None]:
    """Pack loose rows in the order of their keys, within the caller's transaction; return how many, and the last.

    :param after: the last one of the call before
    :param before: spans from this moment on stay loose
    """
    source, field, start = after or (None, None, None)
    lock(cursor)
    cursor.execute(_TABLES)
    cursor.execute(_take(rollups), {"source": source, "field": field, "start": start, "before": before, "limit": limit})
    taken = cursor.rowcount
    if not taken:
        return 0, None
    # Without statistics the planner reads the whole packed table for a few rows.
    cursor.execute(f"ANALYZE packing_loose ({KEY})")
    for statement in (_load(rollups), _ADD, _write(rollups), _LAST):
        cursor.execute(statement)
    return taken, cursor.fetchone()


def lock(cursor: Cursor) -> None:
    """Keep packing out until the end of the caller's transaction."""
    cursor.execute(_LOCK)


def take_out(cursor: Cursor, hours: str) -> None:
    """Take hours of fields out of the packed rows, within the caller's transaction; what else a row has stays packed.

    The caller holds the `lock`.

    :param hours: a table with `source_id`, `field` and `hour`
    """
    for rollups in BOTH:
        cursor.execute(_TABLES)
        cursor.execute(_load_without(rollups, hours))
        cursor.execute(_write(rollups))


def _load_without(rollups: Rollups, hours: str) -> str:
    return f"""
WITH gone AS (
    DELETE FROM {rollups.packed} AS p USING (SELECT DISTINCT source_id, field, {day_of("hour")} AS day FROM {hours}) AS h
    WHERE p.source_id = h.source_id AND p.field = h.field AND p.day = h.day RETURNING p.*)
INSERT INTO packing_span ({_COLUMNS}) SELECT {_COLUMNS} FROM ({rollups.unpacked("gone")}) AS r
WHERE NOT EXISTS (
    SELECT FROM {hours} AS h
    WHERE h.source_id = r.source_id AND h.field = r.field AND h.hour = date_trunc('hour', r.start, 'UTC'))
"""  # noqa: S608 - constants only
