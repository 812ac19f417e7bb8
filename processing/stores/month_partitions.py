"""Monthly partitions of the table `events`, made before a batch needs them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from ingestion.events.timestamps import EPOCH
from processing.stores.fields import definitions

DAY = 86_400_000_000  # microseconds

# One partition holds all that is older (migration 0002).
_FIRST = datetime(2010, 1, 1, tzinfo=UTC)
# While a transaction has it, no partition is made. The number spells "month".
LOCK = f"SELECT pg_advisory_xact_lock({0x6D6F6E7468})"


def months(days: Iterable[int]) -> set[datetime]:
    """Return the first instant of each month of these days since the epoch, without those before 2010."""
    starts = {(EPOCH + timedelta(days=day)).replace(day=1) for day in days}
    return {start for start in starts if start >= _FIRST}


def ensure(connection: psycopg.Connection, starts: Iterable[datetime]) -> None:
    """Create missing partitions, in a short transaction of its own.

    CREATE and then ATTACH, since PARTITION OF locks out readers and dead-locks two consumers.
    """
    with connection.transaction():
        connection.execute(LOCK)
        for start in sorted(starts):
            _ensure_one(connection, start)


def _ensure_one(connection: psycopg.Connection, start: datetime) -> None:
    name = f"events_{start:%Y_%m}"
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'events'::regclass AND inhrelid = to_regclass(%s))",
        [name],
    ).fetchone()
    if row and row[0]:
        return
    table = sql.Identifier(name)
    end = (start + timedelta(days=32)).replace(day=1)
    connection.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").format(table)
    )
    definitions.create_all(connection, name)
    # A CHECK that implies the bounds would save ATTACH its scan, but the table is empty.
    connection.execute(
        sql.SQL("ALTER TABLE events ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            table, sql.Literal(start.isoformat()), sql.Literal(end.isoformat())
        )
    )
