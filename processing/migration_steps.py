"""Steps of migrations that keep large tables writable."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

_INVALID = """
SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid)
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
        with schema_editor.connection.cursor() as cursor:
            # It waits for transactions that are in progress, and nobody waits for it.
            cursor.execute("SELECT current_setting('lock_timeout')")
            [before] = cursor.fetchone() or ["0"]
            _set_lock_timeout(cursor, "0")
            try:
                cursor.execute(_INVALID, [self.name])
                if cursor.fetchone() == (True,):
                    cursor.execute(f"DROP INDEX CONCURRENTLY {self.name}")
                cursor.execute(statement)
            finally:
                _set_lock_timeout(cursor, before)


def _set_lock_timeout(cursor: Any, value: str) -> None:
    cursor.execute("SELECT set_config('lock_timeout', %s, false)", [value])
