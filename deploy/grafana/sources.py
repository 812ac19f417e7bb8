"""The dashboard of sources and their values, from PostgreSQL through the schema `read`."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import POSTGRESQL, WIDTH, dashboard, sql_lines, sql_table, variable

SOURCES = "SELECT source_id FROM read.sources ORDER BY last_seen DESC LIMIT 1000"
FIELDS = "SELECT DISTINCT field FROM read.latest WHERE source_id IN (${source:sqlstring}) ORDER BY field"
_RANGE = "day BETWEEN $__timeFrom()::date AND $__timeTo()::date AND $__timeFilter(start)"
_OF = "source_id IN (${source:sqlstring}) AND field IN (${field:sqlstring})"

VALUES = f"""
SELECT date_bin('$__interval', start, '2000-01-01T00:00:00Z') AS time, source_id || ' ' || field AS metric,
       sum(sum) / sum(count) AS value
FROM read.minutes
WHERE {_OF} AND {_RANGE}
GROUP BY 1, 2
ORDER BY 1
""".strip()  # noqa: S608 - constants only
EXTREMES = f"""
SELECT time, source_id || ' ' || field || ' ' || name AS metric, value
FROM (SELECT date_bin('$__interval', start, '2000-01-01T00:00:00Z') AS time, source_id, field, min(min) AS lowest, max(max) AS highest
      FROM read.minutes
      WHERE {_OF} AND {_RANGE}
      GROUP BY 1, 2, 3) AS spans
CROSS JOIN LATERAL (VALUES ('min', lowest), ('max', highest)) AS ends (name, value)
ORDER BY 1
""".strip()  # noqa: S608 - constants only
RECEIVED = """
SELECT date_bin(greatest('$__interval', '1 minute'::interval), start, '2000-01-01T00:00:00Z') AS time, source_id AS metric,
       sum(read) AS value
FROM read.ledger
WHERE source_id IN (${source:sqlstring}) AND $__timeFilter(start)
GROUP BY 1, 2
ORDER BY 1
""".strip()
OUTCOMES = """
SELECT source_id AS "source", last_seen AS "last seen", latest_event AS "latest event", read, stored, duplicate,
       dead_lettered AS "dead letters", dropped, enabled
FROM read.sources
WHERE source_id IN (${source:sqlstring})
ORDER BY last_seen DESC
""".strip()
LATEST = """
SELECT source_id AS "source", field, value, ts AS "time"
FROM read.latest
WHERE source_id IN (${source:sqlstring})
ORDER BY 1, 2
LIMIT 1000
""".strip()
LETTERS = """
SELECT coalesce(source_id, '') AS "source", reason, state, count(*) AS "letters", max(last_seen) AS "last seen"
FROM read.dead_letters
WHERE $__timeFilter(last_seen)
GROUP BY 1, 2, 3
ORDER BY 4 DESC
LIMIT 100
""".strip()


def build() -> Dashboard:
    """Return the dashboard."""
    board = dashboard("sources", "sources and their values", "What sources sent, and what became of it.")
    board = board.with_variable(variable("source", "Source", SOURCES, source=POSTGRESQL))
    board = board.with_variable(variable("field", "Field", FIELDS, source=POSTGRESQL))
    panels = (
        sql_lines("Values", "The mean of each interval.", "short", VALUES, width=WIDTH),
        sql_lines("Lowest and highest", "Of each interval.", "short", EXTREMES),
        sql_lines("Lines received", "Of each interval, by minute of receipt; those that wait in Kafka are not among them.", "short",
                  RECEIVED),
        sql_table("Sources", "Since they first sent.", OUTCOMES, width=WIDTH),
        sql_table("Latest values", "Of each numeric field.", LATEST),
        sql_table("Dead letters", "That were last seen within the range.", LETTERS),
    )  # fmt: skip
    for panel in panels:
        board = board.with_panel(panel)
    return board
