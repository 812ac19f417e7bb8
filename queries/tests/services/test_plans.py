"""Which index serves each documented query: none reads a whole table of events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from deploy.testing.deployment import Deployment
from processing.models import Event, Topic
from processing.stores import month_partitions, postgres
from queries.tests.stored import store_document

pytestmark = pytest.mark.services

ROWS = 300_000
SOURCES = 200
SECONDS = 52  # between two events: six months
_FILL = f"""
INSERT INTO events (source_id, ts, id, received, stored, payload, content_hash, "offset", partition, line, topic_id)
SELECT 'plant-' || (n %% {SOURCES}), ts, uuid_in(overlay(overlay(md5(n::text) placing '8' from 13) placing '8' from 17)::cstring),
    ts, now(), jsonb_build_object('temperature', n %% 40, 'status', CASE n %% 1000 WHEN 0 THEN 'bad' ELSE 'good' END),
    0, n, 0, 0, %s
FROM generate_series(1, {ROWS}) AS g (n)
CROSS JOIN LATERAL (SELECT '2026-01-01T00:00:00Z'::timestamptz + n * interval '{SECONDS} s' AS ts) AS at;
"""
_REST = """
INSERT INTO rollup_hour (source_id, field, start, count, sum, min, max, first, first_ts, first_id, last, last_ts, last_id)
SELECT source_id, 'temperature', date_trunc('hour', ts, 'UTC'), 1, 1, 1, 1, 1, min(ts), min(id::text)::uuid, 1, max(ts), max(id::text)::uuid
FROM events GROUP BY 1, 3;
INSERT INTO latest_value SELECT DISTINCT source_id, 'temperature', 1, now(), gen_random_uuid() FROM (SELECT DISTINCT source_id FROM events) AS s;
INSERT INTO source_statistics (source_id, first_seen, last_seen, latest_event, read, stored, duplicate, dead_lettered, dropped, fields_capped)
SELECT source_id, min(ts), max(ts), max(ts), count(*), count(*), 0, 0, 0, false FROM events GROUP BY 1;
"""

MONTH = {"start_time": "2026-03-01", "end_time": "2026-03-31"}
DAY = {"start_time": "2026-03-01", "end_time": "2026-03-02"}
ADDRESSES = {
    "newest of all": "/data",
    "oldest of all": "/data?order=asc",
    "one source": "/data?source_id=plant-7",
    "two sources": "/data?source_id=plant-7&source_id=plant-8",
    "a pattern of few": "/data?source_id=plant-1*&limit=20",
    "one source of a day": f"/data?{urlencode({'source_id': 'plant-7', **DAY})}",
    "all of a day": f"/data?{urlencode(DAY)}",
    "one source, filtered": "/data?source_id=plant-7&field.status=bad",
    "a month, filtered": f"/data?{urlencode({'field.temperature[gt]': '38', **MONTH})}",
    "an offset": "/data?offset=10000",
    "an offset of one source": "/data?source_id=plant-7&offset=1000",
    "an estimate": "/data?count=estimated&limit=1",
    "a count of one source": "/data?source_id=plant-7&count=exact&limit=1",
    "hours of a month": f"/api/data/aggregate/?{urlencode({'source_id': 'plant-7', 'field': 'temperature', **MONTH})}",
    "hours of one source": "/api/data/aggregate/?source_id=plant-7&interval=1h",
    "days of all": f"/api/data/aggregate/?{urlencode({'interval': '1d', **MONTH})}",
    "percentiles": f"/api/data/aggregate/?{urlencode({'source_id': 'plant-7', 'agg': 'p95', 'interval': '1d', **MONTH})}",
    "filtered hours": f"/api/data/aggregate/?{urlencode({'source_id': 'plant-7', 'field.status': 'bad', **MONTH})}",
    "the largest": f"/api/data/aggregate/?{urlencode({'top': '5', 'by': 'max', 'interval': '1d', **MONTH})}",
    "a chart": "/api/series/?source_id=plant-7&from=2026-03-01&to=2026-03-31",
    "a known event": "/api/events/{id}/",
    "an unknown event": "/api/events/0199a3a1-0000-7000-8000-000000000001/",
    "an unknown event without a time": "/api/events/5f3b1c1e-1111-4111-8111-111111111111/",
    "a trace": "/api/events/{id}/trace/",
    "the sources": "/api/sources/",
    "one of the sources": "/api/sources/plant-7/",
    "some of the sources": "/api/sources/?q=PLANT-1&sort=events&order=asc&limit=20",
    "latest of one source": "/api/sources/plant-7/latest/",
    "latest of all": "/api/latest/",
    "the pipeline": "/api/pipeline/",
    "the ledger": "/api/pipeline/ledger/",
    "dead letters": "/api/dead-letters/",
    "the overview": "/",
    "a page of a source": "/sources/plant-7/",
    "the tail": "/live/tail/",
}


@pytest.fixture(scope="module")
def event_id(module_site: Deployment) -> str:
    """Fill the tables, and return the id of some event."""
    topic = Topic.objects.create(kafka_id="00000000-0000-0000-0000-000000000007", name=settings.KAFKA_TOPIC_RAW_DATA)
    with postgres.connect() as owner:
        month_partitions.ensure(owner, month_partitions.months(range(20_440, 20_640, 20)))
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(_FILL, [topic.pk])
        cursor.execute(_REST)
        cursor.execute("ANALYZE")
        cursor.execute("RESET statement_timeout")
    event = Event.objects.filter(source_id="plant-7").first()
    assert event is not None
    store_document(event)
    return str(event.id)


@pytest.mark.parametrize("name", ADDRESSES)
def test_no_query_reads_a_whole_table_of_events(event_id: str, name: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        answer = Client(raise_request_exception=False).get(ADDRESSES[name].replace("{id}", event_id))

    assert answer.status_code in {200, 404}, answer.content
    statements = [each["sql"] for each in captured if "events" in each["sql"] and "EXPLAIN" not in each["sql"]]
    for statement in statements:
        assert _scanned_whole(statement) == [], statement


def _scanned_whole(statement: str) -> list[str]:
    """Return the tables of events that a statement reads from one end to the other."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement.replace("%", "%%"), [])
        [plan] = cursor.fetchone() or ["[]"]
    [found] = json.loads(plan) if isinstance(plan, str) else plan
    return [
        f"{node['Node Type']} of {node['Relation Name']}"
        for node in _nodes(found["Plan"])
        if node["Node Type"] == "Seq Scan" and str(node["Relation Name"]) in _filled()
    ]


def _filled() -> set[str]:
    """Return the months that have any events; an empty one may be read as it likes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'events_%%' AND relkind = 'r' AND reltuples > 0", []
        )
        return {name for (name,) in cursor.fetchall()}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from _nodes(each)
