"""Puts tables back as they were, after a test has changed them by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

TABLES = [
    "events", "dead_letter", "rollup_minute", "rollup_hour", "latest_value", "source_statistics", "ledger_minute",
    "progress",
]  # fmt: skip


@contextmanager
def undone() -> Iterator[None]:
    """Keep the tables that a change may touch, and put them back."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"DELETE FROM {table}")
                cursor.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
                cursor.execute(f"DROP TABLE kept_{table}")
