"""`manage.py migrate` on a filled database of an earlier release, while consumers write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from deploy.testing.deployment import Deployment, close_pool, database_name, drop_database
from processing.tests import declared_indexes

pytestmark = pytest.mark.services

LEDGER_ROWS = 300_000
LETTERS = 20_000
# Far below what an index of so many rows takes, as the pages' limit is for one of millions.
STATEMENT_TIMEOUT = 50  # milliseconds

FILL = f"""
INSERT INTO topic (kafka_id, name) VALUES (gen_random_uuid(), 'raw-data');
INSERT INTO ledger_minute (source_id, minute, partition, read, stored, duplicate, dead_lettered, dropped)
SELECT 'source-' || n % 100, '2026-03-01'::timestamptz + n / 100 * interval '1 minute', 0, 1, 1, 0, 0, 0
FROM generate_series(1, {LEDGER_ROWS}) AS n;
INSERT INTO dead_letter (topic_id, partition, "offset", line, raw, reason, detail, pointer, stage, source_id, received,
    first_seen, last_seen, attempts, fingerprint, state)
SELECT (SELECT id FROM topic), 0, n, 0, 'x', 'not_json', '', '', 'decode', '', now(), now(), now(), 1, 'f', 'open'
FROM generate_series(1, {LETTERS}) AS n;
"""
PACKED = """
INSERT INTO ledger_minute VALUES ('a', '2026-03-01T07:00:00Z', 0, 2, 2, 0, 0, 0), ('a', '2026-03-01T07:20:00Z', 0, 1, 1, 0, 0, 0);
INSERT INTO ledger_hour VALUES ('a', '2026-03-01T07:00:00Z', 0, 6, 3, 2, 1, 0);
INSERT INTO events (source_id, ts, id, received, stored, payload, content_hash, "offset", partition, line, topic_id)
SELECT 'a', '2009-01-01', gen_random_uuid(), '2026-03-01T07:00:07Z'::timestamptz + m * interval '1 minute', now(), '{}', 0,
    m, 0, 0, 1
FROM unnest(array[0, 0, 10, 20, 20, 20]) AS m;
INSERT INTO topic (kafka_id, name) VALUES (gen_random_uuid(), 'raw-data');
INSERT INTO dead_letter (topic_id, partition, "offset", line, raw, reason, detail, pointer, stage, source_id, received,
    first_seen, last_seen, attempts, fingerprint, state)
SELECT id, 0, 99, 0, 'x', 'not_json', '', '', 'decode', 'a', '2026-03-01T07:59:59Z', now(), now(), 1, 'f', 'open' FROM topic;
INSERT INTO rollup_hour_packed (source_id, field, day, slot, first, first_ts, first_id)
SELECT 'a', field, '2026-03-01', '{3, 23}', '{1, 2}', array[now(), now()], array[gen_random_uuid(), gen_random_uuid()]
FROM unnest(array['x', 'y']) AS field;
"""
WRITE = "UPDATE ledger_minute SET read = read + 1 WHERE source_id = 'source-1' AND minute = '2026-03-01T00:00:00Z'"


@pytest.fixture(name="old")
def _old(site: Deployment) -> Iterator[str]:
    """A database as release 0.2.0 left it, filled."""
    name = f"{site.name}_old"
    with site.servers.postgres.connect("postgres") as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        with database_name(name):
            call_command("migrate", "processing", "0002", verbosity=0)
            call_command("migrate", "ingestion", "0001", verbosity=0)
            with site.servers.postgres.connect(name) as other:
                other.execute(FILL)
            yield name
    finally:
        drop_database(site.servers, name)


@contextmanager
def limited() -> Iterator[None]:
    options = connections.settings["default"]["OPTIONS"]
    before = options["options"]
    options["options"] = f"-c statement_timeout={STATEMENT_TIMEOUT}"
    _connect_anew()
    try:
        yield
    finally:
        options["options"] = before
        _connect_anew()


def _connect_anew() -> None:
    connections.close_all()
    close_pool()


@contextmanager
def writing(other: psycopg.Connection[tuple[object, ...]]) -> Iterator[list[float]]:
    """Write all the time; the list has the seconds that each write took."""
    taken: list[float] = []
    done = threading.Event()

    def write() -> None:
        while not done.wait(0.005):
            began = time.monotonic()
            other.execute(WRITE)
            taken.append(time.monotonic() - began)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield taken
    finally:
        done.set()
        thread.join()


class Told(StringIO):
    """Does something once it is written to."""

    def __init__(self, *, then: Callable[[], object]) -> None:
        super().__init__()
        self._then = then

    def write(self, text: str) -> int:
        if not self.getvalue():
            self._then()
        return super().write(text)


def indexes() -> dict[str, bool]:
    """The indexes of the tables that grow, and whether each is valid."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid IN ('ledger_minute'::regclass, 'dead_letter'::regclass)"
        )
        return dict(cursor.fetchall())


def test_a_filled_database_of_an_earlier_release_is_migrated_while_consumers_write(site: Deployment, old: str) -> None:
    with limited(), site.servers.postgres.connect(old) as other, writing(other) as taken:
        call_command("migrate", verbosity=0)

    found = indexes()
    assert {"ledger_by_minute", "dead_letter_by_source", "dead_letter_by_event"} <= found.keys()
    assert all(found.values())
    assert max(taken) < 1.5
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_minute")
        assert cursor.fetchone() == (LEDGER_ROWS,)


def test_a_table_in_use_is_tried_again_and_an_unfinished_index_is_made_again(site: Deployment, old: str) -> None:
    with site.servers.postgres.connect(old) as other:
        # As an interrupted CREATE INDEX CONCURRENTLY leaves it.
        other.execute("CREATE INDEX ledger_by_minute ON ledger_minute (minute, source_id)")
        other.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ledger_by_minute'::regclass")
    with site.servers.postgres.connect(old) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM dead_letter")
        told = Told(then=lambda: reader.execute("COMMIT"))
        call_command("migrate", verbosity=0, stderr=told)

    assert told.getvalue() == "A table is in use; trying again.\n"
    assert indexes()["ledger_by_minute"]


def test_the_way_back_keeps_every_count_of_the_ledger_and_marks_what_was_packed(site: Deployment) -> None:
    with site.servers.postgres.connect(site.name) as other:
        other.execute(PACKED)
        call_command("migrate", "processing", "0009", verbosity=0)

        ledger = other.execute(
            "SELECT to_char(minute, 'HH24:MI'), read, stored, duplicate, dead_lettered FROM ledger_minute ORDER BY minute"
        ).fetchall()
        stale = other.execute("SELECT source_id, hour::text FROM stale_hour ORDER BY hour").fetchall()

    # Each minute has what the stores have of it, and its first one what only the hour knew: two duplicates.
    assert ledger == [("07:00", 4, 2, 2, 0), ("07:10", 1, 1, 0, 0), ("07:20", 3, 3, 0, 0), ("07:59", 1, 0, 0, 1)]
    assert stale == [("a", "2026-03-01 03:00:00+00"), ("a", "2026-03-01 23:00:00+00")]
    call_command("migrate", verbosity=0)


def test_the_way_back_drops_declared_indexes_of_fields(site: Deployment) -> None:
    declared_indexes.add("plant-*", "level")

    call_command("migrate", "processing", "0010", verbosity=0)

    assert (declared_indexes.made(), declared_indexes.statistics()) == ({}, 0)
    call_command("migrate", verbosity=0)
