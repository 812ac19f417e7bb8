"""Conditions on a view reach the indexes and select partitions, though the view is a barrier."""

from __future__ import annotations

import re

import pytest

from deploy.testing.deployment import Deployment
from queries.tests.services.sql_readers import readers

pytestmark = pytest.mark.services

EVENTS = 240_000  # of 100 sources, over four months
FILL = f"""
INSERT INTO topic (kafka_id, name) VALUES (gen_random_uuid(), 'raw-data');
CREATE TABLE events_2026_01 PARTITION OF events FOR VALUES FROM ('2026-01-01T00:00Z') TO ('2026-02-01T00:00Z');
CREATE TABLE events_2026_02 PARTITION OF events FOR VALUES FROM ('2026-02-01T00:00Z') TO ('2026-03-01T00:00Z');
CREATE TABLE events_2026_03 PARTITION OF events FOR VALUES FROM ('2026-03-01T00:00Z') TO ('2026-04-01T00:00Z');
CREATE TABLE events_2026_04 PARTITION OF events FOR VALUES FROM ('2026-04-01T00:00Z') TO ('2026-05-01T00:00Z');
INSERT INTO events (source_id, ts, id, received, stored, payload, content_hash, "offset", partition, line, topic_id)
SELECT 's-' || n % 100, '2026-01-01T00:00Z'::timestamptz + n * interval '43 seconds', gen_random_uuid(), now(), now(),
    '{{"temperature": 1.5}}', 0, n, 0, 0, 1
FROM generate_series(1, {EVENTS}) AS n;
INSERT INTO source_statistics (source_id, first_seen, last_seen, read, stored, duplicate, dead_lettered, dropped, fields_capped)
SELECT 's-' || n, now(), now(), 0, 0, 0, 0, 0, false FROM generate_series(0, 99) AS n;
INSERT INTO rollup_hour_packed (source_id, field, day, slot, first, first_ts, first_id)
SELECT 's-' || s, f, '2026-01-01'::date + d, made.* FROM generate_series(0, 99) AS s, unnest(array['x', 'y']) AS f,
    generate_series(0, 119) AS d, (SELECT array_agg(h::smallint), array_agg(h::float8), array_agg(now()),
        array_agg(gen_random_uuid()) FROM generate_series(0, 23) AS h) AS made;
INSERT INTO rollup_hour SELECT 's-' || s, f, '2026-05-01T00:00Z'::timestamptz + h * interval '1 hour', 1, 1, 1, 1, 1, now(),
    gen_random_uuid(), 1, now(), gen_random_uuid()
FROM generate_series(0, 99) AS s, unnest(array['x', 'y']) AS f, generate_series(0, 47) AS h;
INSERT INTO dead_letter (topic_id, partition, "offset", line, raw, reason, detail, pointer, stage, source_id, received,
    first_seen, last_seen, attempts, fingerprint, state)
SELECT 1, 0, n, 0, 'x', 'not_json', '', '', 'decode', 's-' || n % 100, now(), now(), now(), 1, 'f', 'open'
FROM generate_series(1, 20000) AS n;
INSERT INTO ledger_minute SELECT 's-' || s, '2026-04-30T00:00Z'::timestamptz + m * interval '1 minute', 0, 1, 1, 0, 0, 0
FROM generate_series(0, 99) AS s, generate_series(0, 299) AS m;
ANALYZE
"""
WEEK = "ts >= '2026-03-02T00:00Z' AND ts < '2026-03-09T00:00Z'"
DAYS = "day >= '2026-04-20' AND start >= '2026-04-20T00:00Z'"


@pytest.fixture(scope="module")
def everything(module_site: Deployment) -> str:
    with module_site.servers.postgres.connect(module_site.name) as admin:
        admin.execute(FILL.encode())
    return readers.create(readers.name_of(module_site, "all"))


@pytest.fixture(scope="module")
def some(module_site: Deployment, everything: str) -> str:
    """The address of a reader of eleven sources: s-7 and s-70 to s-79."""
    return readers.create(readers.name_of(module_site, "some"), "s-7", "s-7*")


def partitions(plan: str) -> set[str]:
    return set(re.findall(r"events_(?:\d{4}_\d\d|before_2010)", plan))


def conditions(plan: str, index: str) -> list[str]:
    """Return the conditions under which an index is read."""
    return re.findall(rf"{index}[^\n]*\n\s+Index Cond: ([^\n]*)", plan)


def rows(plan: str, table: str) -> int:
    """Return how many rows of a table were read."""
    return sum(
        round(float(each))
        for each in re.findall(rf"Scan[^\n]* on {table}(?!_)[^\n]*\(actual rows=([\d.]+) loops=1", plan)
    )


@pytest.mark.parametrize("reader", ["everything", "some"])
def test_events_of_a_source_and_a_time_are_found_by_the_key_of_one_month(
    request: pytest.FixtureRequest, reader: str
) -> None:
    address = request.getfixturevalue(reader)

    plan = readers.executed_plan(address, f"SELECT * FROM read.events WHERE source_id = 's-7' AND {WEEK}")

    assert partitions(plan) == {"events_2026_03"}
    assert "Seq Scan on events" not in plan
    found = conditions(plan, "events_2026_03_pkey")
    assert len(found) == 2
    assert all("(source_id = 's-7'::text) AND (ts >= " in one for one in found)
    assert rows(plan, "events_2026_03") == pytest.approx(EVENTS / 100 * 7 / 120, rel=0.1)


@pytest.mark.parametrize("source", ["source_id IN ('s-7', 's-71')", "source_id = ANY (array['s-7', 's-71'])"])
def test_events_of_several_sources_are_found_by_the_key(everything: str, source: str) -> None:
    plan = readers.plan(everything, f"SELECT * FROM read.events WHERE {source} AND {WEEK}")

    assert partitions(plan) == {"events_2026_03"}
    assert all("source_id = ANY ('{s-7,s-71}'" in one for one in conditions(plan, "events_2026_03_pkey"))
    assert len(conditions(plan, "events_2026_03_pkey")) == 2


def test_a_time_relative_to_now_selects_partitions_too(everything: str) -> None:
    plan = readers.executed_plan(
        everything, "SELECT * FROM read.events WHERE source_id = 's-7' AND ts >= now() + interval '100 years'"
    )

    assert "Subplans Removed: 5" in plan
    assert partitions(plan) == set()


def test_events_of_a_time_are_found_by_the_index_on_it(everything: str) -> None:
    plan = readers.plan(everything, "SELECT * FROM read.events WHERE ts >= '2026-03-02' AND ts < '2026-03-02T02:00Z'")

    assert partitions(plan) == {"events_2026_03"}
    assert conditions(plan, "events_2026_03_ts_idx")


def test_a_reader_of_some_sources_reads_no_rows_of_the_others(some: str) -> None:
    plan = readers.executed_plan(some, "SELECT * FROM read.events")
    hidden = readers.executed_plan(some, f"SELECT * FROM read.events WHERE source_id = 's-8' AND {WEEK}")

    assert sum(rows(plan, name) for name in partitions(plan)) == EVENTS * 11 / 100
    assert "(source_id = ANY (" in plan
    assert rows(hidden, "events_2026_03") == 0
    assert not re.search(r"Scan[^\n]* on events(?:\n\s+(?!->)[^\n]*)*\n\s+Rows Removed by Filter", hidden)


def test_a_condition_that_may_leak_is_checked_above_the_barrier(some: str) -> None:
    plan = readers.plan(some, f"SELECT * FROM read.events WHERE source_id LIKE 's%' AND {WEEK}")

    assert re.match(r"Subquery Scan on events\n\s+Filter: \(events\.source_id ~~ 's%'::text\)", plan)
    assert plan.count("~~") == 1


@pytest.mark.parametrize("reader", ["everything", "some"])
def test_hours_of_a_field_are_found_by_the_key_of_their_days(request: pytest.FixtureRequest, reader: str) -> None:
    address = request.getfixturevalue(reader)

    plan = readers.executed_plan(
        address, f"SELECT * FROM read.hours WHERE source_id = 's-7' AND field = 'x' AND {DAYS}"
    )

    assert "Seq Scan on rollup_hour" not in plan
    assert all(
        "source_id = 's-7'" in one and "field = 'x'" in one for one in conditions(plan, "rollup_hour_packed_pkey")
    )
    assert any("day >= '2026-04-20'::date" in one for one in conditions(plan, "rollup_hour_packed_pkey"))
    assert rows(plan, "rollup_hour_packed") <= 2 * 11
    assert readers.read(
        address, f"SELECT count(*) FROM read.hours WHERE source_id = 's-7' AND field = 'x' AND {DAYS}"
    ) == [(11 * 24 + 48,)]


def test_hours_without_days_read_those_of_the_field_alone(everything: str) -> None:
    plan = readers.executed_plan(
        everything,
        "SELECT * FROM read.hours WHERE source_id = 's-7' AND field = 'x' AND start >= '2026-04-20T00:00Z'",
    )

    assert "Seq Scan on rollup_hour" not in plan
    assert rows(plan, "rollup_hour_packed") <= 2 * 120


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM read.sources WHERE source_id = 's-7'", "source_statistics"),
        ("SELECT * FROM read.ledger WHERE source_id = 's-7' AND start >= '2026-04-30T04:00Z'", "ledger_minute"),
        ("SELECT * FROM read.ledger WHERE start >= '2026-04-30T04:55Z'", "ledger_minute"),
        ("SELECT * FROM read.dead_letters WHERE id = 5", "dead_letter"),
        ("SELECT * FROM read.dead_letters WHERE source_id = 's-7'", "dead_letter"),
    ],
)
def test_the_other_views_are_read_by_an_index(everything: str, query: str, index: str) -> None:
    # Tables as small as these would be read whole, whatever indexes they have.
    plan = readers.plan(everything, query) if "sources" not in query else _without_sequential_scans(everything, query)

    assert f"Seq Scan on {index}" not in plan
    assert "Index Cond: ((source_id" in plan or "Index Cond: (" in plan


def _without_sequential_scans(address: str, query: str) -> str:
    with readers.connect(address) as session:
        session.execute("SET enable_seqscan = off")
        return "\n".join(line for (line,) in session.execute(f"EXPLAIN (COSTS OFF) {query}".encode()))


def test_the_sources_of_a_beginning_are_found_by_an_index_however_many_others_there_are(
    module_site: Deployment, some: str
) -> None:
    with module_site.servers.postgres.connect(module_site.name) as admin:
        admin.execute(
            "INSERT INTO source_statistics (source_id, first_seen, last_seen, read, stored, duplicate, dead_lettered, dropped,"
            " fields_capped) SELECT 'many-' || n, now(), now(), 0, 0, 0, 0, 0, false FROM generate_series(1, 30000) AS n"
        )
        admin.execute("ANALYZE source_statistics")

    plan = readers.executed_plan(some, f"SELECT * FROM read.events WHERE source_id = 's-71' AND {WEEK}")

    assert "Seq Scan on source_statistics" not in plan
    assert conditions(plan, "source_statistics_source_id_[0-9a-f_]+like")
    assert rows(plan, "events_2026_03") > 0
