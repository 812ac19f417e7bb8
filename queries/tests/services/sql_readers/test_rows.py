"""A reader by SQL sees the rows of its sources in every view, and no others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from deploy.testing.deployment import Deployment
from processing.stores import month_partitions
from processing.stores.packed.rollups import HOURS, MINUTES, Rollups
from queries.tests.services.sql_readers import readers

pytestmark = pytest.mark.services

VIEWS = ("dead_letters", "events", "hours", "latest", "ledger", "minutes", "sources")
# Each source has a row in every table; "" has those of lines whose source can't be read.
SOURCES = ("plant_a", "plant_b", "plantXa", "other")
FILL = """
INSERT INTO topic (kafka_id, name) VALUES (gen_random_uuid(), 'raw-data');
CREATE TEMP TABLE one AS SELECT unnest(%(sources)s::text[]) AS id;
INSERT INTO events (source_id, ts, id, received, stored, payload, content_hash, "offset", partition, line, topic_id)
SELECT id, '2009-03-01T10:00Z', gen_random_uuid(), now(), now(), '{"temperature": 1.5}', 0, 0, 0, 0, 1 FROM one;
INSERT INTO rollup_minute SELECT id, 'temperature', '2026-03-01T10:00Z', 1, 1.5, 1.5, 1.5, 1.5, now(), gen_random_uuid(), 1.5, now(),
    gen_random_uuid() FROM one;
INSERT INTO rollup_hour SELECT * FROM rollup_minute;
INSERT INTO rollup_minute_packed (source_id, field, day, slot, first, first_ts, first_id)
SELECT id, 'temperature', '2026-02-01', '{600, 601}', '{1, 2}', array[now(), now()], array[gen_random_uuid(), gen_random_uuid()] FROM one;
INSERT INTO rollup_hour_packed (source_id, field, day, slot, first, first_ts, first_id)
SELECT id, 'temperature', '2026-02-01', '{10, 11}', '{1, 2}', array[now(), now()], array[gen_random_uuid(), gen_random_uuid()] FROM one;
INSERT INTO latest_value SELECT id, 'temperature', 1.5, now(), gen_random_uuid() FROM one;
INSERT INTO source_statistics (source_id, first_seen, last_seen, read, stored, duplicate, dead_lettered, dropped, fields_capped)
SELECT id, now(), now(), 2, 1, 0, 1, 0, false FROM one UNION ALL SELECT '', now(), now(), 1, 0, 0, 1, 0, false;
INSERT INTO source (source_id, enabled, labels, registered_at) SELECT id, false, '{"site": "1"}', now() FROM one WHERE id <> 'other';
INSERT INTO ledger_minute SELECT id, '2026-03-01T10:00Z', 0, 2, 1, 0, 1, 0 FROM one;
INSERT INTO ledger_minute VALUES ('', '2026-03-01T10:00Z', 0, 1, 0, 0, 1, 0);
INSERT INTO ledger_hour SELECT id, '2026-02-01T10:00Z', 0, 2, 1, 0, 1, 0 FROM one;
INSERT INTO dead_letter (topic_id, partition, "offset", line, raw, reason, detail, pointer, stage, source_id, received,
    first_seen, last_seen, attempts, fingerprint, state)
SELECT 1, 0, row_number() OVER (), 0, 'xyz', 'not_json', '', '', 'decode', id, now(), now(), now(), 1, 'f', 'open'
FROM (SELECT id FROM one UNION ALL SELECT '') AS letter;
"""


@pytest.fixture(scope="module")
def filled(module_site: Deployment) -> Deployment:
    with module_site.servers.postgres.connect(module_site.name) as admin:
        admin.execute("SET client_min_messages = warning")
        for statement in FILL.split(";\n"):
            if statement.strip():
                admin.execute(statement.encode(), {"sources": list(SOURCES)} if "%(" in statement else None)
    return module_site


def seen(address: str) -> dict[str, set[str]]:
    """The sources that a reader sees in each view."""
    return {view: {row[0] for row in readers.read(address, f"SELECT source_id FROM read.{view}")} for view in VIEWS}


def test_a_reader_without_patterns_sees_every_source_and_what_has_none(filled: Deployment) -> None:
    found = seen(readers.create(readers.name_of(filled, "all")))

    assert found == {view: set(SOURCES) for view in VIEWS} | {
        view: {*SOURCES, ""} for view in ("ledger", "dead_letters")
    }


def test_a_reader_sees_its_sources_alone_in_every_view(filled: Deployment) -> None:
    found = seen(readers.create(readers.name_of(filled, "two"), "plant_a", "other"))

    assert found == {view: {"plant_a", "other"} for view in VIEWS}


def test_a_pattern_selects_by_the_beginning_and_its_other_characters_stand_for_themselves(filled: Deployment) -> None:
    found = seen(readers.create(readers.name_of(filled, "beginning"), "plant_*"))

    assert found == {view: {"plant_a", "plant_b"} for view in VIEWS}


def test_a_row_that_two_patterns_select_is_seen_once(filled: Deployment) -> None:
    address = readers.create(readers.name_of(filled, "twice"), "plant_a")
    with filled.servers.postgres.connect(filled.name) as admin:
        # What the command would not store: a pattern beside one that includes it, and beside everything.
        admin.execute("INSERT INTO reader_source SELECT role_oid, role, unnest(array['plant*', '*']) FROM reader_source"
                      " WHERE role = %s", [f"reader_{readers.name_of(filled, 'twice')}"])  # fmt: skip

    assert readers.read(address, "SELECT count(*) FROM read.events") == [(len(SOURCES),)]


def test_a_role_that_was_not_made_so_sees_no_row(filled: Deployment) -> None:
    with filled.servers.postgres.connect(filled.name) as admin:
        assert [admin.execute(f"SELECT count(*) FROM read.{view}".encode()).fetchone() for view in VIEWS] == [(0,)] * 7


@pytest.mark.parametrize("change", ["role_oid = role_oid + 1000000", "role = 'reader_of_old'"])
def test_another_role_of_the_same_name_or_number_sees_no_row(filled: Deployment, change: str) -> None:
    name = readers.name_of(filled, "changed")
    address = readers.create(name)
    with filled.servers.postgres.connect(filled.name) as admin:
        # As on another server after a restore, or after the role was dropped by hand.
        admin.execute(f"UPDATE reader_source SET {change} WHERE role = %s".encode(), [f"reader_{name}"])

    found = seen(address)
    readers.drop(name)

    assert found == {view: set() for view in VIEWS}


def test_a_partition_that_is_made_later_is_read_without_another_grant(filled: Deployment) -> None:
    address = readers.create(readers.name_of(filled, "later"), "plant_a")
    with filled.servers.postgres.connect(filled.name) as connected:
        month_partitions.ensure(connected, [datetime(2031, 5, 1, tzinfo=UTC)])
        connected.execute(
            'INSERT INTO events (source_id, ts, id, received, stored, payload, content_hash, "offset", partition, line, topic_id)'
            " SELECT source, '2031-05-02', gen_random_uuid(), now(), now(), '{}', 0, 0, 0, 0, 1"
            " FROM unnest(array['plant_a', 'plant_b']) AS source"
        )

    found = readers.read(address, "SELECT source_id FROM read.events WHERE ts >= '2031-01-01T00:00Z'")
    with filled.servers.postgres.connect(filled.name) as connected:
        connected.execute("DROP TABLE events_2031_05")

    assert found == [("plant_a",)]


def test_a_dead_letter_shows_no_bytes_and_no_letter_of_another_source(filled: Deployment) -> None:
    address = readers.create(readers.name_of(filled, "letters"), "plant_b")
    with filled.servers.postgres.connect(filled.name) as admin:
        admin.execute(
            "UPDATE dead_letter SET root_id = (SELECT id FROM dead_letter WHERE source_id = 'plant_a')"
            " WHERE source_id IN ('plant_b', 'other')"
        )
    whole = readers.create(readers.name_of(filled, "letters_all"))

    with readers.connect(address) as session:
        cursor = session.execute("SELECT * FROM read.dead_letters")
        [row] = [
            dict(zip([column.name for column in cursor.description or ()], values, strict=True)) for values in cursor
        ]

    assert (row["source_id"], row["root"], row["size"], row["topic"]) == ("plant_b", None, 3, "raw-data")
    assert not any(isinstance(value, bytes) for value in row.values())
    assert readers.read(whole, "SELECT count(root) FROM read.dead_letters") == [(2,)]


def test_sources_have_their_labels_and_are_enabled_without_an_entry(filled: Deployment) -> None:
    address = readers.create(readers.name_of(filled, "labels"), "plant_a", "other")

    found = readers.read(address, "SELECT source_id, enabled, labels, read FROM read.sources ORDER BY 1")

    assert found == [("other", True, {}, 2), ("plant_a", False, {"site": "1"}, 2)]


@pytest.mark.parametrize(("view", "rollups", "width"), [("minutes", MINUTES, 60), ("hours", HOURS, 3600)])
def test_packed_and_loose_rollups_are_added_up_as_the_product_does(
    site: Deployment, view: str, rollups: Rollups, width: int
) -> None:
    address = readers.create(readers.name_of(site, "rollups"))
    with connection.cursor() as cursor:
        # Packed spans, loose ones, and both for one: earlier, later, at the same time, with sums beyond the largest double.
        cursor.execute(
            f"INSERT INTO {rollups.packed} SELECT 's', field, '2026-03-01', '{{0, 1, 2, 3}}', '{{NULL, 2, 2, 3}}',"
            " '{NULL, 5, 1.7e308, -1e308}', '{NULL, 2, NULL, 1}', '{NULL, 3, NULL, 2}', '{1, 2, 3, 4}', ts, ids,"
            " '{NULL, 3, 4, 5}', array[NULL, ts[2] + interval '20s', ts[3] + interval '20s', ts[4]], array[NULL, ids[1], ids[2], ids[3]]"
            " FROM unnest(array['x', 'y']) AS field, (SELECT"
            f"   array(SELECT '2026-03-01T00:00:05Z'::timestamptz + n * interval '{width}s' FROM generate_series(0, 3) AS n) AS ts,"
            "   array(SELECT lpad(n::text, 32, '0')::uuid FROM generate_series(1, 4) AS n) AS ids) AS made"
        )
        cursor.execute(
            f"INSERT INTO {rollups.loose} SELECT 's', 'x', '2026-03-01T00:00Z'::timestamptz + n * interval '{width}s', 3,"
            "   CASE n WHEN 2 THEN 1.7e308 WHEN 3 THEN -1e308 ELSE 7 END, 0, 9, 6, t, lpad((5 - n)::text, 32, '0')::uuid, 8, t, gen_random_uuid()"
            f" FROM generate_series(0, 5) AS n, LATERAL (SELECT '2026-03-01T00:00:05Z'::timestamptz + n * interval '{width}s'"
            "   + ((n - 1) || 's')::interval AS t) AS made"
        )
        cursor.execute(
            "SELECT source_id, field, start, count, CASE WHEN abs(sum) < 1.7976931348623157e308 THEN sum END, min, max, first, last,"
            f" first_ts, last_ts FROM ({rollups.merged()}) AS m ORDER BY 1, 2, 3"
        )
        expected = cursor.fetchall()

    found = readers.read(
        address,
        "SELECT source_id, field, start, count, sum, min, max, first, last, first_ts, last_ts"
        f" FROM read.{view} ORDER BY 1, 2, 3",
    )
    derived = readers.read(
        address, f"SELECT bool_and(day = (start AT TIME ZONE 'UTC')::date), count(avg), count(sum) FROM read.{view}"
    )

    assert len(expected) == 10
    assert found == expected
    # One sum overflowed; the negative one did so too.
    assert derived == [(True, 8, 8)]


def test_every_view_is_a_barrier_and_every_column_is_described(filled: Deployment) -> None:
    with filled.servers.postgres.connect(filled.name) as admin:
        views = admin.execute(
            "SELECT relname, relkind, reloptions, obj_description(oid, 'pg_class') IS NOT NULL FROM pg_class"
            " WHERE relnamespace = 'read'::regnamespace ORDER BY 1"
        ).fetchall()
        without = admin.execute(
            "SELECT attrelid::regclass::text, attname FROM pg_attribute"
            " WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'read'::regnamespace)"
            " AND attnum > 0 AND col_description(attrelid, attnum) IS NULL"
        ).fetchall()

    assert views == [(view, "v", ["security_barrier=true"], True) for view in VIEWS]
    assert without == []
