"""The SQL of reconcile's repair: the plan, made in the recount's snapshot and kept until it is carried out."""

from __future__ import annotations

from collections.abc import Mapping

from processing.events import skipped_lines
from processing.recovery.recount.recount_sql import DIFFERENCES

# By name: the columns.
TABLES = {
    "repair_row": "source_id text, ts timestamptz, id uuid",
    "repair_document": "key text, source_id text, id uuid, action text",
    "repair_line": 'partition int, "offset" bigint, line int, outcome text',
    "repair_hour": "source_id text, hour timestamptz",
    "repair_latest": "source_id text, field text",
    "repair_ledger": "source_id text, minute timestamptz, partition int, read bigint, stored bigint, duplicate bigint,"
    " dead_lettered bigint, dropped bigint",
    "repair_progress": "partition int, records bigint, events bigint",
}


def create(columns: Mapping[str, str]) -> str:
    """Return the statements that create temporary tables until the end of the transaction."""
    return "".join(f"CREATE TEMP TABLE {name} ({listed}) ON COMMIT DROP;" for name, listed in columns.items())


_SAME_PLACE = """l.partition = {0}.partition AND l."offset" = {0}."offset" AND l.line = {0}.line
    AND l.source_id = {0}.source_id AND l.id = {0}.id"""
_CHANGED = "EXISTS (SELECT FROM recount_changed c WHERE c.source_id = e.source_id AND c.id = e.id)"

# Wrong rows that can be restored: Kafka has the line, or the document still has the content of the row's hash.
_ROWS = f"""
INSERT INTO repair_row SELECT DISTINCT e.source_id, e.ts, e.id FROM events e
LEFT JOIN recount_line l ON e.topic_id = %(topic)s AND {_SAME_PLACE.format("e")}
LEFT JOIN recount_document d ON d.source_id = e.source_id AND d.id = e.id
WHERE (l.partition IS NOT NULL AND l.letter IS NULL AND l.hash <> e.content_hash)
   OR ({_CHANGED} AND ((l.partition IS NOT NULL AND l.letter IS NULL) OR (d.hash = e.content_hash AND d.intact)))
"""  # noqa: S608 - constants only

# A document without a row becomes a row, unless it is a leftover: there is a dead letter for its line, or Kafka's line
# differs. A document that was changed, or differs from its row, is deleted if Kafka's line can restore it. A document of a
# wholly dead-lettered record may be the only one of its event, once the record's redrive was stored.
_DOCUMENTS = f"""
INSERT INTO repair_document
SELECT d.key, d.source_id, d.id,
    CASE WHEN d.source_id IS NULL OR w.id IS NOT NULL THEN 'discard'
         WHEN covered.yes AND l.dropped THEN 'discard'
         WHEN covered.yes AND (l.hash IS DISTINCT FROM d.hash OR NOT d.intact) THEN 'discard' ELSE 'row' END
FROM recount_document d LEFT JOIN recount_partition p ON p.partition = d.partition
CROSS JOIN LATERAL (SELECT (d.topic = %(kafka_id)s AND d."offset" >= p.first_offset AND d."offset" < p.next_offset)
    IS TRUE AS yes) AS covered
LEFT JOIN recount_line l ON covered.yes AND {_SAME_PLACE.format("d")}
LEFT JOIN topic t ON t.kafka_id = d.topic
LEFT JOIN dead_letter w ON w.topic_id = t.id AND w.partition = d.partition AND w."offset" = d."offset"
    AND (w.line = d.line OR (w.state <> 'stored' AND {skipped_lines.WHOLE_LETTER}))
WHERE d.key ~ '^[0-9a-f]{{48}}$' AND (d.topic = %(kafka_id)s AND d."offset" >= coalesce(p.next_offset, 0)) IS NOT TRUE
    AND NOT EXISTS (SELECT FROM events e WHERE e.source_id = d.source_id AND e.id = d.id)
    AND NOT EXISTS (SELECT FROM replay_removal r WHERE r.source_id = d.source_id AND r.event_id = d.id)
UNION ALL
SELECT d.key, d.source_id, d.id, 'replace'
FROM events e JOIN recount_document d ON d.source_id = e.source_id AND d.id = e.id
JOIN recount_line l ON e.topic_id = %(topic)s AND {_SAME_PLACE.format("e")}
WHERE (d.hash IS DISTINCT FROM e.content_hash OR NOT d.intact) AND l.hash = e.content_hash AND NOT {_CHANGED}
"""  # noqa: S608 - constants only

# An event with a document is restored from the document.
_LINES = """
INSERT INTO repair_line SELECT partition, "offset", line, outcome FROM recount_outcome o
WHERE outcome = 'no_letter' OR (outcome = 'lost' AND NOT EXISTS (
    SELECT FROM recount_document d WHERE d.source_id = o.source_id AND d.id = o.id))
"""

_HOURS = "\nUNION\n".join(
    f"SELECT source_id, date_trunc('hour', (detail->>'start')::timestamptz) FROM ({DIFFERENCES[kind]}) AS {kind}"  # noqa: S608
    for kind in ("rollup_minute_differs", "rollup_hour_differs")
)
_LATEST = f"SELECT source_id, detail->>'field' FROM ({DIFFERENCES['latest_value_differs']}) AS found"  # noqa: S608

# Where Kafka has every line that was ever read, its count is right. Elsewhere counts only grow, by rows and letters that
# the ledger does not count. What the ledger counts and no store has is lost, and must stay visible.
_LEDGER = f"""
INSERT INTO repair_ledger
SELECT source_id, minute, partition,
    CASE WHEN whole THEN read ELSE greatest(stored, 0) + greatest(dead_lettered, 0) END,
    CASE WHEN whole THEN stored ELSE greatest(stored, 0) END, CASE WHEN whole THEN duplicate ELSE 0 END,
    CASE WHEN whole THEN dead_lettered ELSE greatest(dead_lettered, 0) END, CASE WHEN whole THEN dropped ELSE 0 END
FROM (
    SELECT source_id, (detail->>'minute')::timestamptz AS minute, partition,
        detail->'recounted'->>'duplicate' IS NOT NULL OR p.whole AS whole,
        coalesce((detail->'recounted'->>'read')::bigint, 0) - coalesce((detail->'ledger'->>'read')::bigint, 0) AS read,
        coalesce((detail->'recounted'->>'stored')::bigint, 0)
            - coalesce((detail->'ledger'->>'stored')::bigint, 0) AS stored,
        coalesce((detail->'recounted'->>'duplicate')::bigint, 0)
            - coalesce((detail->'ledger'->>'duplicate')::bigint, 0) AS duplicate,
        coalesce((detail->'recounted'->>'deadLettered')::bigint, 0)
            - coalesce((detail->'ledger'->>'deadLettered')::bigint, 0) AS dead_lettered,
        coalesce((detail->'recounted'->>'dropped')::bigint, 0)
            - coalesce((detail->'ledger'->>'dropped')::bigint, 0) AS dropped
    FROM ({DIFFERENCES["ledger_differs"]}) AS found LEFT JOIN recount_partition p USING (partition)) AS differing
WHERE whole OR stored > 0 OR dead_lettered > 0
"""  # noqa: S608 - constants only

PLAN = {
    "rows": _ROWS,
    "documents": _DOCUMENTS,
    "lines": _LINES,
    "hours": f"INSERT INTO repair_hour {_HOURS}",
    "latest": f"INSERT INTO repair_latest {_LATEST}",
    "ledger": _LEDGER,
}

DELETE_ROWS = """
WITH gone AS (
    DELETE FROM events e USING repair_row r WHERE e.source_id = r.source_id AND e.ts = r.ts AND e.id = r.id
    RETURNING e.source_id, e.ts)
INSERT INTO stale_hour (source_id, hour) SELECT DISTINCT source_id, date_trunc('hour', ts) FROM gone ORDER BY 1, 2
ON CONFLICT (source_id, hour) DO UPDATE SET fields = NULL
"""
# Excludes documents that got a row meanwhile. The columns of `repair_document`.
DISCARDED = """
SELECT key FROM unnest(%s::text[], %s::text[], %s::uuid[], %s::text[]) AS r (key, source_id, id, action)
WHERE action = 'replace' OR source_id IS NULL OR NOT EXISTS (
    SELECT FROM events e WHERE e.source_id = r.source_id AND e.id = r.id)
"""
MARK_HOURS = """
INSERT INTO stale_hour (source_id, hour) SELECT source_id, hour FROM repair_hour ORDER BY 1, 2
ON CONFLICT (source_id, hour) DO UPDATE SET fields = NULL
"""
STAGE_LEDGER = """
INSERT INTO staged_ledger
SELECT source_id, minute, partition, read, stored, duplicate, dead_lettered, dropped, minute, minute, NULL FROM repair_ledger
"""
# One statement sees one snapshot, and a batch changes both sides alike: any difference is an error.
STATISTICS = """
SELECT source_id, coalesce(l.first_seen, s.first_seen), coalesce(s.last_seen, l.last_seen),
    coalesce(l.read, 0) - coalesce(s.read, 0), coalesce(l.stored, 0) - coalesce(s.stored, 0),
    coalesce(l.duplicate, 0) - coalesce(s.duplicate, 0), coalesce(l.dead_lettered, 0) - coalesce(s.dead_lettered, 0),
    coalesce(l.dropped, 0) - coalesce(s.dropped, 0), false
FROM source_statistics s FULL JOIN (
    SELECT source_id, min(minute) AS first_seen, max(minute) AS last_seen, sum(read)::bigint AS read,
        sum(stored)::bigint AS stored, sum(duplicate)::bigint AS duplicate,
        sum(dead_lettered)::bigint AS dead_lettered, sum(dropped)::bigint AS dropped
    FROM ledger GROUP BY 1) l USING (source_id)
WHERE (coalesce(s.read, 0), coalesce(s.stored, 0), coalesce(s.duplicate, 0), coalesce(s.dead_lettered, 0),
    coalesce(s.dropped, 0)) IS DISTINCT FROM (coalesce(l.read, 0), coalesce(l.stored, 0), coalesce(l.duplicate, 0),
    coalesce(l.dead_lettered, 0), coalesce(l.dropped, 0))
"""
CORRECT_STATISTICS = f"""
INSERT INTO source_statistics AS s (source_id, first_seen, last_seen, read, stored, duplicate, dead_lettered, dropped,
    fields_capped)
{STATISTICS} ORDER BY source_id
ON CONFLICT (source_id) DO UPDATE SET read = s.read + excluded.read, stored = s.stored + excluded.stored,
    duplicate = s.duplicate + excluded.duplicate, dead_lettered = s.dead_lettered + excluded.dead_lettered,
    dropped = s.dropped + excluded.dropped
"""
CORRECT_PROGRESS = """
UPDATE progress p SET records = p.records + r.records, events = p.events + r.events
FROM repair_progress r WHERE p.topic_id = %s AND p.partition = r.partition
"""
