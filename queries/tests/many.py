"""Months full of rows with real statistics, and the plans that PostgreSQL makes for statements on them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from processing.stores import month_partitions
from queries.tests.stored import topic

FIRST_MONTH = datetime(2024, 1, 1, tzinfo=UTC)
MONTHS = 6
LAST_MOMENT = datetime(2024, 6, 30, tzinfo=UTC)

_FILL = """
INSERT INTO events (source_id, ts, id, received, stored, payload, content_hash, "offset", partition, line, topic_id)
SELECT 'sensor-' || lpad((n %% %(sources)s)::text, 3, '0'), %(last)s - n * %(step)s, gen_random_uuid(), now(), now(),
    jsonb_build_object('x', n, 'text', 'some text'), n, n, 0, 0, %(topic)s
FROM generate_series(0, %(rows)s - 1) AS n
"""


def fill(rows: int, *, sources: int) -> None:
    """Store rows of sources in turn, evenly over MONTHS months up to LAST_MOMENT."""
    starts = {(FIRST_MONTH + timedelta(days=31 * number)).replace(day=1) for number in range(MONTHS)}
    connection.ensure_connection()
    month_partitions.ensure(connection.connection, starts)
    values: dict[str, Any] = {
        "sources": sources,
        "rows": rows,
        "last": LAST_MOMENT,
        "step": (LAST_MOMENT - FIRST_MONTH) / rows,
        "topic": topic().id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FILL, values)
        cursor.execute("ANALYZE events")


def plans(captured: CaptureQueriesContext, *, table: str = "events") -> list[str]:
    """Return the executed plan of each statement that reads from a table, the partitions that it never reached left out."""
    statements = [each["sql"] for each in captured if f" {table} " in f"{each['sql']} ".replace("\n", " ")]
    found = []
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}")
            found.append("\n".join(_reached(line for [line] in cursor.fetchall())))
    return found


def _reached(lines: Iterable[str]) -> Iterable[str]:
    return (line for line in lines if "never executed" not in line)
