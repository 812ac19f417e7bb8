"""Refresh rollups and latest values of hours from their rows, after rows were added or removed outside of the consumer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg

from ingestion.events import timestamps
from processing.commandline.progress import Progress
from processing.events.entries import Entry
from processing.events.fields import MAX_FIELDS
from processing.events.rollups import MINUTES_PER_HOUR, Spans, by_hour, by_minute, merge
from processing.recovery.rebuild.maintenance import Maintenance
from processing.recovery.recount import readers
from processing.stores import change_marks, copy_encoder, row_sql
from processing.stores.field_limit import FieldLimit
from processing.stores.packed import packing, rollups

# Consumers wait while this many rows are rolled up, about 0.4 s. A single hour is never split.
ROWS_PER_CHUNK = 20_000
_HOURS_PER_QUERY = 1_000
HOUR = 3_600_000_000  # microseconds
_ROWS_PER_FETCH = 250  # with payloads of up to 256 KiB each

Hour = tuple[str, Any, list[str] | None]  # source, start of the hour, the fields to be computed (None: all)
Fields = dict[tuple[str, int], frozenset[str] | None]  # by source and hours since the epoch

_WITHIN = "{0}.source_id = h.source_id AND {0}.{1} >= h.hour AND {0}.{1} < h.hour + interval '1 hour'"

TABLES = """
CREATE TEMP TABLE IF NOT EXISTS refreshed_hour (source_id text, hour timestamptz, fields text[]) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS refreshed_field (source_id text, field text) ON COMMIT DELETE ROWS;
"""

# The packed rows of a source's day are unpacked with its first hour; a span takes a third of the time of a row.
_NEXT = f"""
WITH hours AS (
    SELECT source_id, hour, fields, {rollups.day_of("hour")} AS day,
        row_number() OVER (PARTITION BY source_id, {rollups.day_of("hour")} ORDER BY hour) = 1 AS is_first
    FROM (SELECT source_id, hour, fields FROM stale_hour ORDER BY source_id, hour LIMIT {_HOURS_PER_QUERY}) AS next),
counted AS (
    SELECT h.source_id, h.hour, h.fields, EXISTS (
            SELECT FROM rollup_hour_packed p WHERE p.source_id = h.source_id AND p.day = h.day) AS is_packed, (SELECT count(*) FROM events e WHERE {_WITHIN.format("e", "ts")})
        + CASE WHEN is_first THEN coalesce((SELECT sum(cardinality(p.slot)) FROM rollup_minute_packed p
            WHERE p.source_id = h.source_id AND p.day = h.day), 0) / 3 ELSE 0 END AS rows
    FROM hours h)
-- What is taken out of a packed row is taken out whole.
SELECT source_id, hour, CASE WHEN NOT is_packed THEN fields END FROM (
    SELECT source_id, hour, fields, is_packed, sum(rows) OVER (ORDER BY source_id, hour) - rows AS before FROM counted) AS each_hour
WHERE before < {ROWS_PER_CHUNK} ORDER BY source_id, hour
"""  # noqa: S608 - constants only

_ROWS = f"""
SELECT {readers.ROW_COLUMNS} FROM refreshed_hour h JOIN events e ON {_WITHIN.format("e", "ts")}
"""  # noqa: S608 - constants only

_WANTED = "(h.fields IS NULL OR r.field = ANY(h.fields))"
# All fields of a day that is packed: a few too many do no harm.
_CLEAR = f"""
INSERT INTO refreshed_field SELECT DISTINCT r.source_id, r.field
    FROM refreshed_hour h JOIN rollup_hour r ON {_WITHIN.format("r", "start")} AND {_WANTED}
    UNION SELECT DISTINCT p.source_id, p.field
    FROM refreshed_hour h JOIN rollup_hour_packed p ON p.source_id = h.source_id AND p.day = {rollups.day_of("h.hour")};
DELETE FROM rollup_minute r USING refreshed_hour h WHERE {_WITHIN.format("r", "start")} AND {_WANTED};
DELETE FROM rollup_hour r USING refreshed_hour h WHERE {_WITHIN.format("r", "start")} AND {_WANTED};
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
    minutes: Spans = {}
    fields = _fields(hours)
    for chunk in _entries(connection):
        merge(minutes, _wanted(by_minute(_narrowed(chunk, fields)), fields))
    hourly = by_hour(minutes)
    capped, _ = FieldLimit().cap(connection, minutes, hourly)
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR, prepare=False)
        packing.take_out(cursor, "refreshed_hour")
        cursor.execute(change_marks.of_hours("refreshed_hour"))
    with connection.cursor() as cursor, cursor.copy(row_sql.COPY_SPANS) as copy:
        copy.write(copy_encoder.spans(minutes, hourly))
    connection.execute(row_sql.FOLD_SPANS + _LATEST + _DONE, prepare=False)
    if capped:
        connection.execute(row_sql.SAY_CAPPED, [sorted(capped)])


def _fields(hours: list[Hour]) -> Fields:
    return {
        (source, timestamps.to_micros(hour) // HOUR): None if fields is None else frozenset(fields)
        for source, hour, fields in hours
    }


def _narrowed(entries: list[Entry], fields: Fields) -> list[Entry]:
    """Leave out what is not to be computed, where payloads are flat; that is most of the time it takes."""
    return [_of(entry, fields[entry.source, entry.ts // HOUR]) for entry in entries]


def _of(entry: Entry, wanted: frozenset[str] | None) -> Entry:
    values = entry.values
    if wanted is None or len(values) > MAX_FIELDS or any(value.__class__ is dict for value in values.values()):
        return entry
    # A key with a dot is written otherwise as a field.
    if any("." in key or "\\" in key for key in values):
        return entry
    return msgspec.structs.replace(entry, values={key: values[key] for key in wanted & values.keys()}, made=None)


def _wanted(minutes: Spans, fields: Fields) -> Spans:
    found: Spans = {}
    for (source, minute), spans in minutes.items():
        wanted = fields[source, minute // MINUTES_PER_HOUR]
        own = spans if wanted is None else {name: span for name, span in spans.items() if name in wanted}
        if own:
            found[source, minute] = own
    return found


def _entries(connection: psycopg.Connection) -> Iterator[list[Entry]]:
    with connection.cursor("stale_hours", binary=True) as cursor:
        cursor.execute(_ROWS)
        while found := cursor.fetchmany(_ROWS_PER_FETCH):
            yield [readers.event_of_row(row) for row in found]
