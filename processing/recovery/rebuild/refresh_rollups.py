"""Refresh rollups and latest values of hours from their rows, after rows were added or removed outside of the consumer."""

from __future__ import annotations

import psycopg

from processing.commandline.progress import Progress
from processing.events.batch import MINUTE
from processing.events.rollups import Spans, by_hour
from processing.recovery.rebuild import hour_rows
from processing.recovery.rebuild.hour_rows import WITHIN, Hour
from processing.recovery.rebuild.maintenance import Maintenance
from processing.stores import change_marks, copy_encoder, row_sql
from processing.stores.field_limit import FieldLimit
from processing.stores.packed import packing, rollups

# Consumers wait while this many rows are rolled up, about 0.4 s. A single hour is never split.
ROWS_PER_CHUNK = 20_000
_HOURS_PER_QUERY = 1_000

TABLES = """
CREATE TEMP TABLE IF NOT EXISTS refreshed_hour (source_id text, hour timestamptz, fields text[]) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS refreshed_span (source_id text, field text, hour timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS refreshed_field (source_id text, field text) ON COMMIT DELETE ROWS;
"""

# The packed rows of a source's day are unpacked with its first hour; a span takes a third of the time of a row.
_NEXT = f"""
WITH hours AS (
    SELECT source_id, hour, fields, {rollups.day_of("hour")} AS day,
        row_number() OVER (PARTITION BY source_id, {rollups.day_of("hour")} ORDER BY hour) = 1 AS is_first
    FROM (SELECT source_id, hour, fields FROM stale_hour ORDER BY source_id, hour LIMIT {_HOURS_PER_QUERY}) AS next),
counted AS (
    SELECT h.source_id, h.hour, h.fields, (SELECT count(*) FROM events e WHERE {WITHIN.format("e", "ts")})
        + CASE WHEN is_first THEN coalesce((SELECT sum(cardinality(p.slot)) FROM rollup_minute_packed p
            WHERE p.source_id = h.source_id AND p.day = h.day), 0) / 3 ELSE 0 END AS rows
    FROM hours h)
SELECT source_id, hour, fields FROM (
    SELECT source_id, hour, fields, sum(rows) OVER (ORDER BY source_id, hour) - rows AS before FROM counted) AS each_hour
WHERE before < {ROWS_PER_CHUNK} ORDER BY source_id, hour
"""  # noqa: S608 - constants only


def _fields_of(table: str) -> str:
    """Return the SQL of the fields of source `s`, each found by one look into the primary key."""
    of_source = f"SELECT field FROM {table} r WHERE r.source_id = s.source_id"  # noqa: S608 - constants only
    return f"""
WITH RECURSIVE found (field) AS (
    ({of_source} ORDER BY field LIMIT 1) UNION ALL
    SELECT ({of_source} AND r.field > found.field ORDER BY field LIMIT 1) FROM found WHERE found.field IS NOT NULL)
SELECT field FROM found WHERE field IS NOT NULL
"""  # noqa: S608 - constants only


# All that a source has where all are to be computed: a few too many do no harm.
_ALL = "source_id = h.source_id AND p.day = " + rollups.day_of("h.hour") + " WHERE h.fields IS NULL"
_FIELDS = f"""
INSERT INTO refreshed_span SELECT source_id, unnest(fields), hour FROM refreshed_hour WHERE fields IS NOT NULL;
INSERT INTO refreshed_span SELECT h.source_id, f.field, h.hour
    FROM (SELECT DISTINCT source_id FROM refreshed_hour WHERE fields IS NULL) AS s
    CROSS JOIN LATERAL (({_fields_of("rollup_minute")}) UNION ({_fields_of("rollup_hour")})) AS f
    JOIN refreshed_hour h ON h.source_id = s.source_id AND h.fields IS NULL
    UNION SELECT h.source_id, p.field, h.hour FROM refreshed_hour h JOIN rollup_minute_packed p ON p.{_ALL}
    UNION SELECT h.source_id, p.field, h.hour FROM refreshed_hour h JOIN rollup_hour_packed p ON p.{_ALL};
INSERT INTO refreshed_field SELECT DISTINCT source_id, field FROM refreshed_span;
ANALYZE refreshed_span;
"""  # noqa: S608 - constants only
_OF_SPAN = f"r.field = h.field AND {WITHIN.format('r', 'start')}"
# The planner would read whole tables for some thousand rows of them.
_CLEAR = f"""
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
DELETE FROM rollup_minute r USING refreshed_span h WHERE {_OF_SPAN};
DELETE FROM rollup_hour r USING refreshed_span h WHERE {_OF_SPAN};
SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;
"""  # noqa: S608 - constants only

_OF_FIELD = "{0}.source_id = f.source_id AND {0}.field = f.field"
_PACKED_DAY = f"(SELECT * FROM rollup_hour_packed d WHERE {_OF_FIELD.format('d')} ORDER BY day DESC LIMIT 1)"  # noqa: S608
# The newest hour contains the newest event; one is looked up among the loose hours, and the newest day among the packed.
_LATEST = f"""
DELETE FROM latest_value v USING refreshed_field f WHERE {_OF_FIELD.format("v")}
    AND NOT EXISTS (SELECT FROM rollup_hour r WHERE {_OF_FIELD.format("r")})
    AND NOT EXISTS (SELECT FROM rollup_hour_packed r WHERE {_OF_FIELD.format("r")});
INSERT INTO latest_value AS v (source_id, field, value, ts, event_id)
SELECT f.source_id, f.field, r.last, r.last_ts, r.last_id
FROM (SELECT DISTINCT source_id, field FROM refreshed_field) f CROSS JOIN LATERAL (
    SELECT last, last_ts, last_id FROM (
        (SELECT last, last_ts, last_id FROM rollup_hour h WHERE {_OF_FIELD.format("h")} ORDER BY start DESC LIMIT 1)
        UNION ALL SELECT last, last_ts, last_id FROM ({rollups.HOURS.unpacked(_PACKED_DAY, rollups.LAST)}) AS packed
    ) AS newest ORDER BY last_ts DESC, last_id DESC LIMIT 1) r
ORDER BY 1, 2
ON CONFLICT (source_id, field) DO UPDATE SET value = excluded.value, ts = excluded.ts, event_id = excluded.event_id;
"""  # noqa: S608 - constants only

_DONE = "DELETE FROM stale_hour s USING refreshed_hour h WHERE s.source_id = h.source_id AND s.hour = h.hour;"


def refresh(held: Maintenance, *, progress: Progress) -> int:
    """Refresh every stale hour, a few at a time; return their number. It may be killed and repeated.

    :raises Interrupted: SIGTERM or SIGINT arrived; the remaining hours stay marked
    :raises LeaseLost: the same
    """
    done = 0
    while hours := _next(held):
        with held.between_batches() as cursor:
            cursor.execute(TABLES, prepare=False)
            _refresh(held.connection, hours)
        done += len(hours)
        progress.advance("hours of sources", done)
    return done


def _next(held: Maintenance) -> list[Hour]:
    with held.transaction() as cursor:
        return cursor.execute(_NEXT).fetchall()


def refresh_latest(held: Maintenance, fields: list[tuple[str, str]]) -> None:
    """Refresh the latest values of these fields, given as (source, field), from the hourly rollups."""
    with held.between_batches() as cursor:
        cursor.execute(TABLES, prepare=False)
        cursor.executemany("INSERT INTO refreshed_field VALUES (%s, %s)", fields)
        cursor.execute(_LATEST, prepare=False)


def _refresh(connection: psycopg.Connection, hours: list[Hour]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO refreshed_hour VALUES (%s, %s, %s)", hours)
    # Without statistics the planner overestimates the table, and reads whole tables instead of a few rows.
    connection.execute("ANALYZE refreshed_hour")
    minutes = hour_rows.minutes(connection, hours)
    hourly = by_hour(minutes)
    capped, _ = FieldLimit().cap(connection, minutes, hourly)
    with connection.cursor() as cursor:
        packing.lock(cursor)
        cursor.execute(_FIELDS + _CLEAR, prepare=False)
        packing.take_out(cursor, "refreshed_span")
        cursor.execute(change_marks.of_hours("refreshed_hour"))
        _write(cursor, minutes, hourly)
        cursor.execute(_LATEST + _DONE, prepare=False)
    if capped:
        connection.execute(row_sql.SAY_CAPPED, [sorted(capped)])


def _write(cursor: psycopg.Cursor, minutes: Spans, hours: Spans) -> None:
    """Write rollups that are not there, nor can be: no consumer is inside a batch."""
    for statement, spans, width in (
        (row_sql.COPY_MINUTES, minutes, MINUTE),
        (row_sql.COPY_HOURS, hours, copy_encoder.HOUR),
    ):
        with cursor.copy(statement) as copy:
            copy.write(copy_encoder.rollups(spans, width))
    named = {(source, field) for (source, _), spans in hours.items() for field in spans}
    cursor.execute(
        "INSERT INTO refreshed_field SELECT * FROM unnest(%s::text[], %s::text[])",
        [[source for source, _ in named], [field for _, field in named]],
    )
