"""The plan of a repair: made in the recount's snapshot, kept in files, and loaded by the transactions that carry it out.

Tables of the session would not do: behind a connection pooler, each transaction may run in another session.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import IO

import psycopg
from psycopg import sql

from processing.recovery.recount import recount_sql
from processing.recovery.repair import repair_sql
from processing.stores import postgres

_COLUMNS = {**repair_sql.TABLES, "lost_document": recount_sql.LOST_DOCUMENT}
_CHUNK = 1024 * 1024  # bytes
_IN_MEMORY = 4 * 1024 * 1024  # bytes of a table; larger ones go to the disk

Row = tuple[object, ...]


class Plan:
    """The tables of a plan, until `close`."""

    def __init__(self, files: Mapping[str, IO[bytes]]) -> None:
        self._files = files

    @classmethod
    def keep(cls, cursor: psycopg.Cursor) -> Plan:
        """Copy the tables of the plan from the transaction that made it."""
        files: dict[str, IO[bytes]] = {}
        for name in _COLUMNS:
            # Closed by close(), after the last transaction that loads it.
            files[name] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
            with cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(sql.Identifier(name))) as copy:
                for data in copy:
                    files[name].write(data)
        return cls(files)

    def load(self, cursor: psycopg.Cursor, name: str) -> None:
        """Create a table of the plan as it was kept, until the end of the transaction."""
        cursor.execute(repair_sql.create({name: _COLUMNS[name]}))
        file = self._files[name]
        file.seek(0)
        with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(sql.Identifier(name))) as copy:
            while data := file.read(_CHUNK):
                copy.write(data)
        if name == "lost_document":
            cursor.execute(recount_sql.LOST_DOCUMENT_INDEX)

    def rows(self, connection: psycopg.Connection, name: str) -> list[Row]:
        """Return the rows of a table of the plan."""
        with connection.transaction(), connection.cursor() as cursor:
            postgres.limit(cursor, statement_timeout="0")
            self.load(cursor, name)
            return cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))).fetchall()

    def close(self) -> None:
        """Delete the files."""
        for file in self._files.values():
            file.close()
