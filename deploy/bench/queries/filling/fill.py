"""Fills PostgreSQL and MongoDB with a history, as a deployment would have stored it whose topic was made anew since."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from uuid import uuid4

import psycopg
from psycopg import sql

from deploy.bench.queries.filling.day import Summary, Target, store_day
from deploy.bench.queries.filling.history import History
from ingestion.events.timestamps import EPOCH
from processing.stores import month_partitions

# While one waits for a store, another one builds its next day.
WORKERS = (os.cpu_count() or 1) + 1
TOPIC = "raw-data-before"  # the events' own; Kafka's topic of today is empty

# Those with rows: autovacuum does not analyze `events`, which has partitions, so neither is it done here.
_TABLES = "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
_SOURCES = """
INSERT INTO source_statistics (source_id, first_seen, last_seen, latest_event, read, stored, duplicate, dead_lettered,
    dropped, fields_capped)
VALUES (%s, 'epoch'::timestamptz + %s * interval '1 us', 'epoch'::timestamptz + %s * interval '1 us',
    'epoch'::timestamptz + %s * interval '1 us', %s, %s, 0, 0, 0, false)
"""
_REGISTRY = """
INSERT INTO source (source_id, enabled, labels, registered_at) SELECT source_id, true, '{}', first_seen
FROM source_statistics
"""
_LATEST = """
INSERT INTO latest_value (source_id, field, value, ts, event_id)
VALUES (%s, %s, %s, 'epoch'::timestamptz + %s * interval '1 us', %s)
ON CONFLICT (source_id, field) DO UPDATE SET value = excluded.value, ts = excluded.ts, event_id = excluded.event_id
"""


def fill(history: History, *, postgres: str, mongo: str, name: str, workers: int = WORKERS) -> int:
    """Store the whole history in prepared, empty stores; return the number of events. Memory is that of a few days."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        days = [(day - EPOCH.date()).days for day in history.dates]
        month_partitions.ensure(connection, month_partitions.months(days))
        topic = uuid4()
        [(row,)] = connection.execute(
            "INSERT INTO topic (kafka_id, name) VALUES (%s, %s) RETURNING id", [topic, TOPIC]
        ).fetchall()
        target = Target(postgres, mongo, name, row, topic.bytes)
        summary = Summary()
        # The garbage collector looks through all of a day's events again and again; they hold no cycles.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=gc.disable) as pool:
            # In their order, so that old and new rows lie on the pages that they would have come to.
            for part in pool.map(store_day, *zip(*((history, target, day) for day in history.dates), strict=True)):
                summary.add(part)
        _sum_up(connection, summary)
    _vacuum(postgres)
    return sum(totals.events for totals in summary.sources.values())


def _sum_up(connection: psycopg.Connection, summary: Summary) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            _SOURCES,
            [
                (source, of.first_received, of.last_received, of.latest, of.events, of.events)
                for source, of in sorted(summary.sources.items())
            ],
        )
        cursor.execute(_REGISTRY)
        cursor.executemany(
            _LATEST,
            [
                (source, name, span.last, span.last_ts, span.last_id.hex())
                for (source, name), span in sorted(summary.latest.items())
            ],
        )


def _vacuum(postgres: str) -> None:
    """Do what autovacuum has done in a deployment, and write everything to disk, so that nothing of it is measured."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        tables: Sequence[str] = [table for (table,) in connection.execute(_TABLES)]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda table: _vacuum_one(postgres, table), tables))
        connection.execute("CHECKPOINT")


def _vacuum_one(postgres: str, table: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
