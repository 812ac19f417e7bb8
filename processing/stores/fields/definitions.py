"""SQL of declared indexes: what each holds, how a partition of `events` gets its own, and which partitions have it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ingestion.auth import source_patterns
from processing.cursors import Cursor
from processing.events import fields
from processing.stores.fields import values

MAX_NAME = 63  # bytes; PostgreSQL cuts longer names

# Each partition's own index of each declared one: the number of its declaration, its name, and whether it is finished.
_MADE = """
SELECT h.inhrelid AS place, substring(c.relname from '^field_([0-9]+)_')::bigint AS number, c.relname, x.indisvalid
FROM pg_inherits AS h JOIN pg_index AS x ON x.indrelid = h.inhrelid JOIN pg_class AS c ON c.oid = x.indexrelid
WHERE h.inhparent = 'events'::regclass AND c.relname ~ '^field_[0-9]+_'
"""
PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass"
# In how many of them each is finished.
COUNTS = f"SELECT number, count(*) FROM ({_MADE}) AS made WHERE indisvalid GROUP BY number"  # noqa: S608 - constants only
# Newest first, as its events are asked for most.
_PLACES = f"""
SELECT p.relname, coalesce(made.indisvalid, false)
FROM pg_inherits AS h JOIN pg_class AS p ON p.oid = h.inhrelid
LEFT JOIN ({_MADE}) AS made ON made.place = h.inhrelid AND made.number = %s
WHERE h.inhparent = 'events'::regclass ORDER BY p.relname = 'events_before_2010', p.relname DESC
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Definition:
    """A declared index: its number (the row's id), which sources it is for, and the keys of its field."""

    number: int
    pattern: str
    path: tuple[str, ...]

    @classmethod
    def of(cls, number: int, pattern: str, field: str) -> Definition:
        """Return the definition of a row of FieldIndex."""
        return cls(number, pattern, fields.split(field))

    @property
    def prefix(self) -> str:
        """Return how the names of its indexes and statistics begin."""
        return f"field_{self.number}_"

    @property
    def condition(self) -> str:
        """Return the SQL for a row of one of its sources; a query that repeats these very words may use the index."""
        if self.pattern == source_patterns.ANY:
            return "true"
        # Patterns consist of letters, digits and ._:- alone. LIKE and ranges would depend on the database's collation.
        if self.pattern.endswith(source_patterns.ANY):
            return f"starts_with(source_id, '{self.pattern[:-1]}')"
        return f"source_id = '{self.pattern}'"

    def name(self, partition: str) -> str:
        """Return the name of its index on a partition, and of the statistics there."""
        name = self.prefix + partition
        if len(name.encode()) <= MAX_NAME:
            return name
        return self.prefix + hashlib.blake2b(partition.encode(), digest_size=16).hexdigest()

    def create(self, partition: str, *, concurrently: bool = False) -> str:
        """Return the statement that makes its index on a partition; it takes no parameters."""
        value = self._value
        return (
            f"CREATE INDEX {'CONCURRENTLY ' if concurrently else ''}IF NOT EXISTS {quote(self.name(partition))}"
            # The source first: events of others cost hardly anything then.
            f" ON {quote(partition)} (({value}), ts) WHERE {self.condition} AND {value} IS NOT NULL"
        )

    def create_statistics(self, partition: str) -> str:
        """Return the statement after which ANALYZE counts the values of a partition; it takes no parameters.

        The planner does not use the statistics of an expression in a partial index: it would take every filter for one
        that finds a third of all rows, and read the rows by time instead.
        """
        return (
            f"CREATE STATISTICS IF NOT EXISTS {quote(self.name(partition))} ON ({self._value}) FROM {quote(partition)}"
        )

    def places(self, cursor: Cursor) -> dict[str, bool]:
        """Return the partitions of `events`, and whether its index is finished there."""
        cursor.execute(_PLACES, [self.number])
        return dict(cursor.fetchall())

    @property
    def _value(self) -> str:
        # Percent signs are doubled for statements with parameters.
        return values.expression(self.path).replace("%%", "%")


def quote(name: str) -> str:
    """Return a name as SQL."""
    return sql.Identifier(name).as_string(None)


def create_all(connection: psycopg.Connection, partition: str) -> None:
    """Make every declared index on an empty table that becomes a partition, within its transaction."""
    declared = connection.execute(
        "SELECT id, pattern, field FROM field_index WHERE state <> 'dropping' ORDER BY id"
    ).fetchall()
    for number, pattern, field in declared:
        definition = Definition.of(number, pattern, field)
        connection.execute(definition.create(partition))
        connection.execute(definition.create_statistics(partition))
