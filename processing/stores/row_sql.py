"""The SQL that folds a batch's staged sums into the tables; rows go in sorted, or racing consumers dead-lock."""

from __future__ import annotations

from processing.events.rollups import LARGEST
from processing.stores import copy_encoder

# Temporary tables of the session, created in each transaction that uses them; its end empties them.
STAGING = """
CREATE TEMP TABLE IF NOT EXISTS staged_event (LIKE events) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_span (
    hourly boolean, source_id text, field text, start timestamptz, count bigint, sum float8, min float8, max float8,
    first float8, first_ts timestamptz, first_id uuid, last float8, last_ts timestamptz, last_id uuid
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_ledger (
    source_id text, minute timestamptz, partition int, read bigint, stored bigint, duplicate bigint,
    dead_lettered bigint, dropped bigint, first_seen timestamptz, last_seen timestamptz, latest_event timestamptz
) ON COMMIT DELETE ROWS;
"""

# The backend of a transaction, when it began (microseconds since the epoch), and the revision of logic that is current.
BEGAN = """
SELECT pg_backend_pid(), (extract(epoch FROM now()) * 1000000)::bigint,
    coalesce((SELECT revision FROM logic_activation ORDER BY id DESC LIMIT 1), 0)
"""
COPY_EVENTS = f"COPY events ({copy_encoder.EVENT_COLUMNS}) FROM STDIN (FORMAT BINARY)"
COPY_STAGED_EVENTS = f"COPY staged_event ({copy_encoder.EVENT_COLUMNS}) FROM STDIN (FORMAT BINARY)"
COPY_JUDGED_EVENTS = f"COPY events ({copy_encoder.ALL_COLUMNS}) FROM STDIN (FORMAT BINARY)"
COPY_STAGED_JUDGED_EVENTS = f"COPY staged_event ({copy_encoder.ALL_COLUMNS}) FROM STDIN (FORMAT BINARY)"
COPY_SPANS = f"COPY staged_span ({copy_encoder.SPAN_COLUMNS}) FROM STDIN (FORMAT BINARY)"
COPY_MINUTES = f"COPY rollup_minute ({copy_encoder.ROLLUP_COLUMNS}) FROM STDIN (FORMAT BINARY)"
COPY_HOURS = f"COPY rollup_hour ({copy_encoder.ROLLUP_COLUMNS}) FROM STDIN (FORMAT BINARY)"
COPY_LEDGER = f"COPY staged_ledger ({copy_encoder.LEDGER_COLUMNS}) FROM STDIN (FORMAT BINARY)"

# Returns the rows that are new.
MOVE_EVENTS = f"""
INSERT INTO events ({copy_encoder.ALL_COLUMNS}) SELECT {copy_encoder.ALL_COLUMNS} FROM staged_event ORDER BY source_id, ts, id
ON CONFLICT DO NOTHING RETURNING source_id, id
"""  # noqa: S608 - constants only

_SPAN_FIELDS = copy_encoder.ROLLUP_COLUMNS
_EARLIER = "(excluded.first_ts < r.first_ts OR (excluded.first_ts = r.first_ts AND excluded.first_id > r.first_id))"
_LATER = "((excluded.last_ts, excluded.last_id) > (r.last_ts, r.last_id))"
# PostgreSQL raises an error where a sum is out of range; this returns the largest number, as
# processing.events.rollups does. It raises one for half of the smallest number, too, so nothing is divided.
_SUM = f"""
CASE WHEN sign(r.sum) <> sign(excluded.sum) OR abs(r.sum) <= {LARGEST!r}::float8 - abs(excluded.sum)
    THEN r.sum + excluded.sum ELSE sign(r.sum) * {LARGEST!r}::float8 END
"""


# By column of a rollup: the value of `r` and `excluded` together.
ADDED_UP = {
    "count": "r.count + excluded.count",
    "sum": _SUM,
    "min": "least(r.min, excluded.min)",
    "max": "greatest(r.max, excluded.max)",
    **{c: f"CASE WHEN {_EARLIER} THEN excluded.{c} ELSE r.{c} END" for c in ("first", "first_ts", "first_id")},
    **{c: f"CASE WHEN {_LATER} THEN excluded.{c} ELSE r.{c} END" for c in ("last", "last_ts", "last_id")},
}


def fold_spans(table: str, rows: str) -> str:
    """Return the statement that adds rows to those of a table of rollups.

    :param rows: a table of the same columns, with a condition if need be
    """
    return f"""
INSERT INTO {table} AS r ({_SPAN_FIELDS})
SELECT {_SPAN_FIELDS} FROM {rows} ORDER BY source_id, field, start
ON CONFLICT (source_id, field, start) DO UPDATE SET {", ".join(f"{c} = {value}" for c, value in ADDED_UP.items())};
"""  # noqa: S608 - constants only


FOLD_SPANS = (
    fold_spans("rollup_minute", "staged_span WHERE NOT hourly")
    + fold_spans("rollup_hour", "staged_span WHERE hourly")
    + """
INSERT INTO latest_value AS v (source_id, field, value, ts, event_id)
SELECT DISTINCT ON (source_id, field) source_id, field, last, last_ts, last_id
FROM staged_span WHERE hourly ORDER BY source_id, field, last_ts DESC, last_id DESC
ON CONFLICT (source_id, field) DO UPDATE SET value = excluded.value, ts = excluded.ts, event_id = excluded.event_id
WHERE (excluded.ts, excluded.event_id) > (v.ts, v.event_id);
"""
)

FOLD_LEDGER = """
INSERT INTO ledger_minute AS l (source_id, minute, partition, read, stored, duplicate, dead_lettered, dropped)
SELECT source_id, minute, partition, read, stored, duplicate, dead_lettered, dropped
FROM staged_ledger ORDER BY source_id, minute, partition
ON CONFLICT (source_id, minute, partition) DO UPDATE SET read = l.read + excluded.read,
    stored = l.stored + excluded.stored, duplicate = l.duplicate + excluded.duplicate,
    dead_lettered = l.dead_lettered + excluded.dead_lettered, dropped = l.dropped + excluded.dropped;

INSERT INTO source_statistics AS s (source_id, first_seen, last_seen, latest_event, read, stored, duplicate,
    dead_lettered, dropped, fields_capped)
SELECT source_id, min(first_seen), max(last_seen), max(latest_event), sum(read), sum(stored), sum(duplicate),
    sum(dead_lettered), sum(dropped), false
FROM staged_ledger GROUP BY source_id ORDER BY source_id
ON CONFLICT (source_id) DO UPDATE SET first_seen = least(s.first_seen, excluded.first_seen),
    last_seen = greatest(s.last_seen, excluded.last_seen),
    latest_event = greatest(s.latest_event, excluded.latest_event),
    read = s.read + excluded.read, stored = s.stored + excluded.stored, duplicate = s.duplicate + excluded.duplicate,
    dead_lettered = s.dead_lettered + excluded.dead_lettered, dropped = s.dropped + excluded.dropped;

INSERT INTO source (source_id, enabled, labels, registered_at)
SELECT DISTINCT source_id, true, '{}'::jsonb, now() FROM staged_ledger
WHERE source_id <> '' AND NOT EXISTS (SELECT FROM source WHERE source.source_id = staged_ledger.source_id)
ORDER BY source_id ON CONFLICT DO NOTHING;
"""

INSERT_TOPIC = """
INSERT INTO topic (kafka_id, name) SELECT %(id)s, %(name)s
WHERE NOT EXISTS (SELECT FROM topic WHERE kafka_id = %(id)s) ON CONFLICT DO NOTHING
"""

SAY_CUT = "UPDATE source_statistics SET rollups_cut_at = now() WHERE source_id = ANY(%s)"
SAY_CAPPED = "UPDATE source_statistics SET fields_capped = true WHERE source_id = ANY(%s)"

# Backends that one waits for: consumers' alone, and not those that wait themselves, since they hold nothing up.
END_HOLDERS = """
SELECT a.pid, pg_terminate_backend(a.pid)
FROM unnest(pg_blocking_pids(%s)) AS holder (pid) JOIN pg_stat_activity a ON a.pid = holder.pid
WHERE a.application_name = %s AND a.datname = current_database() AND a.wait_event_type IS DISTINCT FROM 'Lock'
"""

INSERT_LETTER = """
INSERT INTO dead_letter (topic_id, partition, "offset", line, raw, reason, detail, pointer, stage, source_id, event_id,
    received, first_seen, last_seen, attempts, fingerprint, state)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, 'open')
ON CONFLICT (topic_id, partition, "offset", line) DO UPDATE SET last_seen = excluded.last_seen,
    attempts = dead_letter.attempts + 1
"""

# topic, revision of logic, partitions, next offsets, numbers of records and of events, times of the last record (microseconds), and offset,
# epoch and checksum of the last record
MOVE_PROGRESS = """
UPDATE progress AS p SET next_offset = greatest(p.next_offset, v.next_offset), records = p.records + v.records,
    revision = t.revision,
    events = p.events + v.events, updated_at = now(), record_offset = v.record_offset,
    record_epoch = nullif(v.record_epoch, -1), record_checksum = v.record_checksum,
    record_time = greatest(p.record_time, least(now(), 'epoch'::timestamptz + v.time * interval '1 microsecond'))
FROM (SELECT %s::smallint AS topic, %s::int AS revision) AS t,
    unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::bigint[])
    AS v (partition, next_offset, records, events, time, record_offset, record_epoch, record_checksum)
WHERE p.topic_id = t.topic AND p.partition = v.partition
"""
