"""Gives the room of packed rows back: to the table, and to the volume where almost all of a large table is empty."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import psycopg
from psycopg import sql

from processing.errors import StoreUnavailable, postgres_errors
from processing.stores import postgres

logger = logging.getLogger(__name__)

APPLICATION = "dataflow-packing"
# A packed table keeps a few hours of each day, so after each packing most of it is empty and fills again. Only after the
# first packing of a large database is nearly everything empty for good.
EMPTY = 20  # times the size of its rows
SMALLEST = 100_000_000  # bytes of a table that is rewritten
MOST_ROWS = 1_000_000  # that are copied while consumers wait, about two seconds
ROW_BYTES = 400  # of a row with its index entries

# With rows that are gone, but that an older snapshot may still see: they are copied, too.
_SIZE = """
SELECT pg_total_relation_size(relid), n_live_tup + n_dead_tup FROM pg_stat_all_tables WHERE relid = %s::regclass
"""


def give_back(tables: Iterable[str]) -> dict[str, int]:
    """Make the room of deleted rows usable; return how many bytes of which tables the volume got back.

    A table that is in use for longer is left for the next time.
    """
    found: dict[str, int] = {}
    with postgres_errors(), postgres.connect(application=APPLICATION, options="") as connection:
        for table in tables:
            connection.execute(sql.SQL("VACUUM (ANALYZE, TRUNCATE false) {}").format(sql.Identifier(table)))
            before = _worth_rewriting(connection, table)
            if before and _rewrite(connection, table):
                found[table] = before - _size(connection, table)[0]
    return found


def _worth_rewriting(connection: psycopg.Connection, table: str) -> int:
    """Return the size of a table that is nearly empty, else 0."""
    size, rows = _size(connection, table)
    return size if size > SMALLEST and rows <= MOST_ROWS and rows * ROW_BYTES * EMPTY < size else 0


def _size(connection: psycopg.Connection, table: str) -> tuple[int, int]:
    [(size, rows)] = connection.execute(_SIZE, [table]).fetchall()
    return size, rows


def _rewrite(connection: psycopg.Connection, table: str) -> bool:
    """Copy the rows into a new file, in the order of the key; unlike TRUNCATE this keeps them for older snapshots."""
    try:
        with postgres_errors(), connection.transaction(), connection.cursor() as cursor:
            # Whoever comes later waits behind this lock, so it must not wait long itself.
            postgres.limit(cursor, lock_timeout="2s", statement_timeout="5s")
            cursor.execute(
                sql.SQL("CLUSTER {} USING {}").format(sql.Identifier(table), sql.Identifier(f"{table}_pkey"))
            )
    except StoreUnavailable as error:
        logger.info(
            "a table keeps its empty pages until the next packing", extra={"table": table, "reason": str(error)}
        )
        return False
    return True
