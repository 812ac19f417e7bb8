"""The SQL of reconcile: its temporary tables, and the queries that must return no row."""

from __future__ import annotations

from processing.commandline import event_range
from processing.recovery.recount import readers
from processing.stores import copy_encoder
from processing.stores.packed import ledger
from processing.stores.packed.rollups import HOURS, MINUTES, Rollups

LOST_DOCUMENT = """source_id text, ts timestamptz, id uuid, topic_id smallint, partition int, "offset" bigint, line int,
    hash bigint"""

LOST_DOCUMENT_INDEX = 'CREATE INDEX ON lost_document (partition, "offset", line);'

# Created in the transaction, as the only tables that it may write.
TABLES = f"""
CREATE TEMP TABLE recount_partition (partition int, first_offset bigint, next_offset bigint, whole boolean) ON COMMIT DROP;
CREATE TEMP TABLE recount_line (source_id text, id uuid, hash bigint, received timestamptz, partition int,
    "offset" bigint, line int, letter text, dropped boolean) ON COMMIT DROP;
CREATE TEMP TABLE recount_outcome (source_id text, id uuid, received timestamptz, partition int, "offset" bigint,
    line int, letter text, outcome text) ON COMMIT DROP;
CREATE TEMP TABLE recount_document (source_id text, id uuid, hash bigint, topic uuid, partition int,
    "offset" bigint, line int, received timestamptz, key text, intact boolean) ON COMMIT DROP;
CREATE TEMP TABLE recount_span (
    hourly boolean, source_id text, field text, start timestamptz, count bigint, sum float8, min float8, max float8,
    first float8, first_ts timestamptz, first_id uuid, last float8, last_ts timestamptz, last_id uuid
) ON COMMIT DROP;
CREATE TEMP TABLE recount_changed (source_id text, id uuid, partition int, "offset" bigint, line int,
    received timestamptz) ON COMMIT DROP;
CREATE TEMP TABLE lost_document ({LOST_DOCUMENT}) ON COMMIT DROP;
{LOST_DOCUMENT_INDEX}
"""

COPY_LINES = "COPY recount_line FROM STDIN (FORMAT BINARY)"
LINE_TYPES = ["text", "bytea", "int8", "int8", "int4", "int8", "int4", "text", "bool"]
COPY_DOCUMENTS = "COPY recount_document FROM STDIN (FORMAT BINARY)"
DOCUMENT_TYPES = ["text", "bytea", "int8", "bytea", "int4", "int8", "int4", "int8", "text", "bool"]
COPY_SPANS = f"COPY recount_span ({copy_encoder.SPAN_COLUMNS}) FROM STDIN (FORMAT BINARY)"
COPY_CHANGED = "COPY recount_changed FROM STDIN (FORMAT BINARY)"
CHANGED_TYPES = ["text", "bytea", "int4", "int8", "int4", "int8"]

ROWS = f"SELECT coalesce(e.revision, 0), {readers.ROW_COLUMNS} FROM events e ORDER BY e.source_id, e.ts, e.id"  # noqa: S608 - constants only

# The outcome of each line: a row or a dead letter of exactly this line, else what logic says of it, live or in a replay,
# else an earlier row with its identity, or one that a replay removed.
OUTCOMES = """
INSERT INTO recount_outcome
SELECT DISTINCT ON (l.partition, l."offset", l.line)
    l.source_id, l.id,
    -- A record without a time of its own has that of its first reading, which only its row or letter knows.
    CASE WHEN e.topic_id = %(topic)s AND e.partition = l.partition AND e."offset" = l."offset" AND e.line = l.line
             THEN e.received ELSE coalesce(d.received, l.received) END,
    l.partition, l."offset", l.line, l.letter,
    CASE WHEN e.topic_id = %(topic)s AND e.partition = l.partition AND e."offset" = l."offset" AND e.line = l.line
             THEN CASE WHEN d.id IS NULL THEN 'stored' ELSE 'both' END
         WHEN d.id IS NOT NULL THEN 'dead_lettered'
         WHEN l.dropped THEN 'dropped'
         WHEN l.letter IS NOT NULL THEN 'no_letter'
         WHEN r.fate IS NOT NULL AND r.topic_id = %(topic)s AND r.partition = l.partition AND r."offset" = l."offset"
             AND r.line = l.line THEN CASE r.fate WHEN 'dropped' THEN 'dropped' ELSE 'no_letter' END
         WHEN e.id IS NULL AND r.content_hash = l.hash THEN 'duplicate'
         WHEN e.id IS NULL AND r.fate IS NOT NULL THEN 'no_letter'
         WHEN e.id IS NULL THEN 'lost'
         WHEN e.content_hash = l.hash THEN 'duplicate'
         ELSE 'no_letter' END
FROM recount_line l
LEFT JOIN events e ON e.source_id = l.source_id AND e.id = l.id
LEFT JOIN dead_letter d ON d.topic_id = %(topic)s AND d.partition = l.partition AND d."offset" = l."offset"
    AND d.line = l.line
LEFT JOIN replay_removal r ON r.source_id = l.source_id AND r.event_id = l.id
ORDER BY l.partition, l."offset", l.line,
    (e.topic_id = %(topic)s AND e.partition = l.partition AND e."offset" = l."offset" AND e.line = l.line)
        DESC NULLS LAST,
    (e.content_hash = l.hash) DESC NULLS LAST,
    (r.topic_id = %(topic)s AND r.partition = l.partition AND r."offset" = l."offset" AND r.line = l.line)
        DESC NULLS LAST
"""

TALLY = f"""
SELECT
    (SELECT json_build_object('read', count(*), 'stored', count(*) FILTER (WHERE outcome IN ('stored', 'both')),
        'duplicate', count(*) FILTER (WHERE outcome = 'duplicate'),
        'deadLettered', count(*) FILTER (WHERE outcome IN ('dead_lettered', 'no_letter')),
        'dropped', count(*) FILTER (WHERE outcome = 'dropped'),
        'lost', count(*) FILTER (WHERE outcome = 'lost')) FROM recount_outcome
        WHERE {event_range.where("received")}),
    (SELECT json_build_object('documents', count(*) - count(*) FILTER (WHERE ahead),
        'inFlight', count(*) FILTER (WHERE ahead)) FROM (
            SELECT (d.topic = %(kafka_id)s AND d."offset" >= coalesce(p.next_offset, 0) AND NOT EXISTS (
                SELECT FROM events e WHERE e.source_id = d.source_id AND e.id = d.id)) IS TRUE AS ahead
            FROM recount_document d LEFT JOIN recount_partition p USING (partition)
            WHERE {event_range.where("received")}) AS each_document),
    (SELECT json_build_object('rows', count(*), 'carried', count(*) FILTER (
        WHERE e.topic_id <> %(topic)s OR e."offset" < coalesce(p.first_offset, 0)))
        FROM events e LEFT JOIN recount_partition p USING (partition) WHERE {event_range.where("received")}),
    (SELECT count(*) FROM dead_letter WHERE {event_range.where("received")}),
    (SELECT count(*) FROM replay_removal WHERE fate = 'dropped' AND {event_range.where("received")})
"""  # noqa: S608 - constants only

TOTALS = f"""
SELECT coalesce(sum(read), 0)::bigint, coalesce(sum(stored), 0)::bigint, coalesce(sum(duplicate), 0)::bigint,
    coalesce(sum(dead_lettered), 0)::bigint, coalesce(sum(dropped), 0)::bigint
FROM ledger WHERE {event_range.where("minute")}
"""  # noqa: S608 - constants only

FOLDED_HOUR = """
SELECT hour FROM ledger_hour WHERE hour = date_trunc('hour', %(bound)s::timestamptz, 'UTC') AND hour < %(bound)s
    AND (%(source)s::text IS NULL OR source_id = %(source)s) LIMIT 1
"""

_PLACE = 'NULL::int AS partition, NULL::bigint AS "offset", NULL::int AS line, NULL::timestamptz AS received'

# Of a source at its field limit, only the fields within the limit count.
_RECOUNTED_SPANS = """
SELECT s.* FROM recount_span s LEFT JOIN source_statistics t USING (source_id)
WHERE t.fields_capped IS NOT TRUE
   OR EXISTS (SELECT FROM latest_value v WHERE v.source_id = s.source_id AND v.field = s.field)
"""

_SPAN_EXACT = "count, min, max, first, first_ts, first_id, last, last_ts, last_id"
# Sums are added in another order, so they differ by the rounding of their largest terms.
# Terms are halved or scaled before they are added, so that nothing overflows.
_SUM_ALIKE = """
(r.sum = s.sum OR abs(r.sum / 2 - s.sum / 2)
    <= greatest(5e-10 * abs(r.sum), 5e-10 * abs(s.sum), 5e-10 * s.count * greatest(abs(s.min), abs(s.max))))
"""


def _rollup(rollups: Rollups, hourly: str) -> str:
    exact = ", ".join(f"r.{name.strip()}" for name in _SPAN_EXACT.split(","))
    return f"""
    SELECT source_id, NULL::uuid AS event_id, {_PLACE},
        jsonb_build_object('field', field, 'start', start, 'rollup', to_jsonb(r) - '{{source_id,field,start}}'::text[],
            'recounted', to_jsonb(s) - '{{source_id,field,start,hourly}}'::text[]) AS detail
    FROM ({rollups.merged()}) r FULL JOIN (SELECT * FROM ({_RECOUNTED_SPANS}) AS known WHERE {hourly}) s
        USING (source_id, field, start)
    -- Rollups go by event time: those of the hours are compared that contain an event of the range.
    WHERE (r.count IS NULL OR s.count IS NULL OR ({exact}) IS DISTINCT FROM ({exact.replace("r.", "s.")})
        OR NOT {_SUM_ALIKE}) AND ((%(since)s::timestamptz IS NULL AND %(until)s::timestamptz IS NULL) OR EXISTS (
            SELECT FROM events e WHERE e.source_id = coalesce(r.source_id, s.source_id)
                AND e.ts >= date_trunc('hour', start) AND e.ts < date_trunc('hour', start) + interval '1 hour'
                AND {event_range.where("e.received", source="e.source_id")}))
    """  # noqa: S608 - constants only


_LATEST = f"""
SELECT source_id, coalesce(v.event_id, s.last_id) AS event_id, {_PLACE},
    jsonb_build_object('field', field, 'latest', v.value, 'recounted', s.last) AS detail
FROM latest_value v FULL JOIN (
    SELECT DISTINCT ON (source_id, field) source_id, field, last, last_ts, last_id
    FROM ({_RECOUNTED_SPANS}) AS known WHERE hourly ORDER BY source_id, field, last_ts DESC, last_id DESC) s
    USING (source_id, field)
WHERE (v.value, v.ts, v.event_id) IS DISTINCT FROM (s.last, s.last_ts, s.last_id)
"""  # noqa: S608 - constants only

_COUNTED = ", ".join(f"sum(b.{name})::bigint AS {name}" for name in ledger.COUNTS)
_RECOUNTED = """
-- Rows older than the topic were read once; how many duplicates they had is unknown.
SELECT source_id, date_trunc('minute', received) AS minute, partition,
    count(*) FILTER (WHERE topic_id <> %(topic)s OR "offset" < coalesce(first_offset, 0)) AS read,
    count(*) AS stored, 0 AS duplicate, 0 AS dead_lettered, 0 AS dropped
FROM events LEFT JOIN recount_partition USING (partition) GROUP BY 1, 2, 3
UNION ALL
SELECT source_id, date_trunc('minute', received), partition, count(*), 0,
    count(*) FILTER (WHERE outcome = 'duplicate'),
    count(*) FILTER (WHERE outcome IN ('dead_lettered', 'no_letter')), count(*) FILTER (WHERE outcome = 'dropped')
FROM recount_outcome JOIN recount_partition USING (partition) WHERE whole GROUP BY 1, 2, 3
UNION ALL
SELECT source_id, date_trunc('minute', received), partition, 0, 0, 0, count(*), 0
FROM dead_letter LEFT JOIN recount_partition USING (partition) WHERE whole IS NOT TRUE GROUP BY 1, 2, 3
"""
# Stored and dead-lettered can be recounted without Kafka; the others only if Kafka has the whole partition.
_LEDGER = f"""
SELECT source_id, NULL::uuid AS event_id, partition, NULL::bigint AS "offset", NULL::int AS line,
    minute AS received, jsonb_build_object('minute', minute,
        'ledger', jsonb_build_object('read', l.read, 'stored', l.stored, 'duplicate', l.duplicate,
            'deadLettered', l.dead_lettered, 'dropped', l.dropped),
        'recounted', jsonb_build_object('read', CASE WHEN p.whole THEN r.read END, 'stored', r.stored,
            'duplicate', CASE WHEN p.whole THEN r.duplicate END, 'deadLettered', r.dead_lettered,
            'dropped', CASE WHEN p.whole THEN r.dropped END)) AS detail
FROM ({ledger.by_place(_COUNTED, "SELECT * FROM ledger")}) AS l FULL JOIN ({ledger.by_place(_COUNTED, _RECOUNTED)}) AS r
    USING (source_id, minute, partition)
LEFT JOIN recount_partition p USING (partition)
WHERE (coalesce(l.stored, 0), coalesce(l.dead_lettered, 0))
        IS DISTINCT FROM (coalesce(r.stored, 0), coalesce(r.dead_lettered, 0))
   OR (p.whole AND (coalesce(l.read, 0), coalesce(l.duplicate, 0), coalesce(l.dropped, 0))
        IS DISTINCT FROM (coalesce(r.read, 0), coalesce(r.duplicate, 0), coalesce(r.dropped, 0)))
"""  # noqa: S608 - constants only

_STATISTICS = f"""
SELECT source_id, NULL::uuid AS event_id, {_PLACE}, jsonb_build_object(
    'statistics', CASE WHEN s.read IS NOT NULL THEN jsonb_build_object('read', s.read, 'stored', s.stored,
        'duplicate', s.duplicate, 'deadLettered', s.dead_lettered, 'dropped', s.dropped) END,
    'ledger', CASE WHEN l.read IS NOT NULL THEN jsonb_build_object('read', l.read, 'stored', l.stored,
        'duplicate', l.duplicate, 'deadLettered', l.dead_lettered, 'dropped', l.dropped) END) AS detail
FROM source_statistics s FULL JOIN (
    SELECT source_id, {", ".join(f"sum({name})::bigint AS {name}" for name in ledger.COUNTS)}
    FROM ledger GROUP BY 1) l USING (source_id)
WHERE (s.read, s.stored, s.duplicate, s.dead_lettered, s.dropped)
    IS DISTINCT FROM (l.read, l.stored, l.duplicate, l.dead_lettered, l.dropped)
"""  # noqa: S608 - constants only

_UNACCOUNTED = f"""
SELECT source_id, NULL::uuid AS event_id, partition, NULL::bigint AS "offset", NULL::int AS line,
    minute AS received, jsonb_build_object('minute', minute, 'read', read,
        'settled', stored + duplicate + dead_lettered + dropped) AS detail
FROM ({ledger.by_place(_COUNTED, "SELECT * FROM ledger")}) AS l
WHERE read <> stored + duplicate + dead_lettered + dropped
"""  # noqa: S608 - constants only


# What replays dropped is no count of a rule's.
_RULES = f"""
SELECT source_id, NULL::uuid AS event_id, partition, NULL::bigint AS "offset", NULL::int AS line,
    minute AS received, jsonb_build_object('minute', minute, 'ledger', coalesce(l.dropped, 0),
        'rules', coalesce(c.dropped, 0), 'replays', coalesce(r.dropped, 0)) AS detail
FROM ({ledger.by_place("sum(b.dropped)::bigint AS dropped", "SELECT * FROM ledger WHERE dropped <> 0")}) AS l
FULL JOIN ({ledger.by_place("sum(b.dropped)::bigint AS dropped", "SELECT * FROM rule_count WHERE dropped <> 0")}) AS c
    USING (source_id, minute, partition)
FULL JOIN ({ledger.by_place("count(*)::bigint AS dropped", "SELECT source_id, date_trunc('minute', received) AS minute, partition FROM replay_removal WHERE fate = 'dropped'")}) AS r
    USING (source_id, minute, partition)
WHERE coalesce(l.dropped, 0) <> coalesce(c.dropped, 0) + coalesce(r.dropped, 0)
"""  # noqa: S608 - constants only


def _outcomes(condition: str, *, reason: str = "letter") -> str:
    return f"""
    SELECT source_id, id AS event_id, partition, "offset", line, received,
        jsonb_strip_nulls(jsonb_build_object('reason', {reason})) AS detail
    FROM recount_outcome WHERE {condition}
    """  # noqa: S608 - constants only


def _rows(condition: str, *, detail: str = "'{}'::jsonb") -> str:
    """Return SQL that compares rows with their lines; `l` is the line, if there is one with the same identity."""
    return f"""
    SELECT e.source_id, e.id AS event_id, e.partition, e."offset", e.line, e.received, {detail} AS detail
    FROM events e LEFT JOIN recount_partition p USING (partition)
    LEFT JOIN recount_line l ON l.partition = e.partition AND l."offset" = e."offset" AND l.line = e.line
        AND l.source_id = e.source_id AND l.id = e.id
    WHERE e.topic_id = %(topic)s AND {condition}
    """  # noqa: S608 - constants only


# Rows of records that Kafka has lost since they were read; it has others at their offsets.
_TRUNCATED = """EXISTS (SELECT FROM ledger_gap g WHERE g.topic_id = e.topic_id AND g.partition = e.partition
    AND g.cause = 'truncated' AND e."offset" >= g.first_offset AND e."offset" < g.next_offset)"""
_PROVEN = 'e."offset" >= p.first_offset AND e."offset" < p.next_offset'

# kind -> the differences of that kind: source_id, event_id, partition, offset, line, detail
DIFFERENCES = {
    "event_lost": _outcomes("outcome = 'lost'"),
    "letter_missing": _outcomes("outcome = 'no_letter'", reason="coalesce(letter, 'id_conflict')"),
    "stored_and_dead_lettered": _outcomes("outcome = 'both'"),
    "letter_without_line": """
        SELECT d.source_id, d.event_id, d.partition, d."offset", d.line, d.received,
            jsonb_build_object('reason', d.reason) AS detail
        FROM dead_letter d LEFT JOIN recount_partition p USING (partition)
        LEFT JOIN recount_line l ON l.partition = d.partition AND l."offset" = d."offset" AND l.line = d.line
        WHERE d.topic_id = %(topic)s AND l.partition IS NULL AND (p.partition IS NULL OR d."offset" >= p.first_offset)
    """,
    "row_without_line": _rows(f"l.partition IS NULL AND {_PROVEN} AND NOT {_TRUNCATED}"),
    "row_ahead_of_progress": _rows(f'(p.partition IS NULL OR e."offset" >= p.next_offset) AND NOT {_TRUNCATED}'),
    "row_differs_from_line": _rows(
        f"l.hash IS DISTINCT FROM e.content_hash AND l.partition IS NOT NULL AND {_PROVEN}",
        detail="jsonb_build_object('rowHash', e.content_hash::text, 'lineHash', l.hash::text)",
    ),
    "row_changed": """
        SELECT source_id, id AS event_id, partition, "offset", line, received, '{}'::jsonb AS detail
        FROM recount_changed
    """,
    "row_without_document": """
        SELECT e.source_id, e.id AS event_id, e.partition, e."offset", e.line, e.received, '{}'::jsonb AS detail
        FROM events e LEFT JOIN recount_document d ON d.source_id = e.source_id AND d.id = e.id WHERE d.key IS NULL
    """,
    # A document at or past progress is in flight: its row comes with the commit.
    "document_without_row": """
        SELECT d.source_id, d.id AS event_id, d.partition, d."offset", d.line, d.received,
            jsonb_build_object('document', d.key) AS detail
        FROM recount_document d LEFT JOIN events e ON e.source_id = d.source_id AND e.id = d.id
        LEFT JOIN recount_partition p ON p.partition = d.partition
        WHERE e.id IS NULL AND NOT EXISTS (
            SELECT FROM replay_removal r WHERE r.source_id = d.source_id AND r.event_id = d.id)
        AND (d.topic = %(kafka_id)s AND d."offset" >= coalesce(p.next_offset, 0)) IS NOT TRUE
    """,
    "row_differs_from_document": """
        SELECT e.source_id, e.id AS event_id, e.partition, e."offset", e.line, e.received,
            jsonb_build_object('rowHash', e.content_hash::text, 'documentHash', d.hash::text) AS detail
        FROM events e JOIN recount_document d ON d.source_id = e.source_id AND d.id = e.id
        WHERE d.hash IS DISTINCT FROM e.content_hash
    """,
    "document_changed": """
        SELECT e.source_id, e.id AS event_id, e.partition, e."offset", e.line, e.received, '{}'::jsonb AS detail
        FROM events e JOIN recount_document d ON d.source_id = e.source_id AND d.id = e.id
        WHERE d.hash = e.content_hash AND NOT d.intact
    """,
    "ledger_differs": _LEDGER,
    "statistics_differ": _STATISTICS,
    "unaccounted": _UNACCOUNTED,
    "rule_counts_differ": _RULES,
    "rollup_minute_differs": _rollup(MINUTES, "NOT hourly"),
    "rollup_hour_differs": _rollup(HOURS, "hourly"),
    "latest_value_differs": _LATEST,
}

# These do not depend on a time range: they are compared only without one.
TIMELESS = frozenset({"statistics_differ", "latest_value_differs"})

LISTED = f"""
WITH found AS MATERIALIZED (
    SELECT * FROM ({{query}}) AS every WHERE {event_range.where("received")})
SELECT (SELECT count(*) FROM found), (SELECT coalesce(jsonb_agg(to_jsonb(shown) - 'received'), '[]') FROM (
    SELECT * FROM found ORDER BY source_id, partition, "offset", line, event_id LIMIT %(limit)s) AS shown)
"""  # noqa: S608 - constants only
