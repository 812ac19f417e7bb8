"""Steps of migrations that keep large tables writable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

_INVALID = """
SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid)
"""
# Partitions whose index is no part yet of that of the table.
_WITHOUT = """
SELECT c.relname FROM pg_inherits AS p JOIN pg_class AS c ON c.oid = p.inhrelid
WHERE p.inhparent = to_regclass(%(table)s) AND NOT EXISTS (
    SELECT FROM pg_inherits AS i JOIN pg_index AS x ON x.indexrelid = i.inhrelid
    WHERE i.inhparent = to_regclass(%(index)s) AND x.indrelid = c.oid)
ORDER BY 1
"""


class CreateIndexConcurrently(Operation):
    """Create an index that the models' state has already, without a lock that makes writers wait; may be repeated.

    Only for migrations with `atomic = False`. An index that exists is left; one that an interruption left unfinished is
    made again.

    :param columns: as in SQL
    :param where: the condition of the rows that it has, as in SQL; empty: all
    """

    reduces_to_sql = False
    reversible = True

    def __init__(self, table: str, name: str, columns: str, where: str = "") -> None:
        self.table = table
        self.name = name
        self.columns = columns
        self.where = where

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: the state has the index."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        rows = f" WHERE {self.where}" if self.where else ""
        self._run(
            schema_editor,
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {self.name} ON {self.table} ({self.columns}){rows}",
        )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self._run(schema_editor, f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}")

    def describe(self) -> str:
        return f"Create index {self.name} on {self.table} concurrently"

    def _run(self, schema_editor: BaseDatabaseSchemaEditor, statement: str) -> None:
        with schema_editor.connection.cursor() as cursor, _patient(cursor):
            _make(cursor, self.name, statement)


class CreatePartitionedIndexConcurrently(Operation):
    """Create an index of a partitioned table that no model's state has, as CreateIndexConcurrently does.

    PostgreSQL has no such statement: the index of each partition is made by itself, and then becomes a part of the table's. One
    that is attached later gets its index with that.

    :param definition: method, columns and options, as in SQL
    """

    reduces_to_sql = False
    reversible = True

    def __init__(self, table: str, name: str, definition: str) -> None:
        self.table = table
        self.name = name
        self.definition = definition

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: the table has no managed model."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"CREATE INDEX IF NOT EXISTS {self.name} ON ONLY {self.table} USING {self.definition}")
            cursor.execute(_WITHOUT, {"table": self.table, "index": self.name})
            for (partition,) in cursor.fetchall():
                own = f"{partition}_{self.name.removeprefix(f'{self.table}_')}"
                with _patient(cursor):
                    _make(
                        cursor,
                        own,
                        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {own} ON {partition} USING {self.definition}",
                    )
                cursor.execute(f"ALTER INDEX {self.name} ATTACH PARTITION {own}")

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX IF EXISTS {self.name}")

    def describe(self) -> str:
        return f"Create index {self.name} on the partitions of {self.table} concurrently"


def _make(cursor: Any, name: str, statement: str) -> None:
    """Run a statement that creates an index, after what an interruption left unfinished is dropped."""
    cursor.execute(_INVALID, [name])
    if cursor.fetchone() == (True,):
        cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
    cursor.execute(statement)


@contextmanager
def _patient(cursor: Any) -> Iterator[None]:
    """Wait for transactions that are in progress, however long they take: nobody waits for what runs inside."""
    cursor.execute("SELECT current_setting('lock_timeout')")
    [before] = cursor.fetchone() or ["0"]
    _set_lock_timeout(cursor, "0")
    try:
        yield
    finally:
        _set_lock_timeout(cursor, before)


def _set_lock_timeout(cursor: Any, value: str) -> None:
    cursor.execute("SELECT set_config('lock_timeout', %s, false)", [value])
