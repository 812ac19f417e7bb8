"""Watches the statements of migrations: none may read or write a large table while it locks writers or readers out of it.

PostgreSQL says both itself, whatever the SQL looks like: pg_locks has the locks of the transaction, and
pg_stat_xact_all_tables counts the scans that it has begun. So the tables may be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection
from django.db.utils import InternalError
from psycopg.errors import ActiveSqlTransaction

# Tables that stay small, however many events there are. Any other one counts as large.
SMALL = frozenset(
    (
        *(
            "consumer_assignment",
            "consumer_member",
            "failing_source",
            "field_index",
            "group_sources",
            "hold",
            "incident",
            "job",
            "key",
            "lease",
        ),
        *("ledger_gap", "logic_activation", "logic_revision", "lookup_table_version", "partition_start", "progress"),
        *("reader_source", "refused_request", "revision_span", "schema_version", "topic"),
    )
)
DJANGOS = ("auth_", "django_")  # tables of Django's own apps
# Those that make a writer wait: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
STRONG = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")

_LOCKED = """
SELECT DISTINCT c.relname, 1 FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.granted AND l.mode = ANY(%s) AND c.relkind IN ('r', 'p')
"""
# Scans of a whole table, and rows written. Reading by an index touches what is asked for.
_TOUCHED = """
SELECT relname, seq_scan + n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables WHERE schemaname = 'public'
"""
# A table that is written anew is another file afterwards.
_FILES = """
SELECT relname, pg_relation_filenode(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


class Finding(NamedTuple):
    """A statement that would hold up others for as long as it takes to read or write a large table."""

    statement: str
    tables: list[str]

    def __str__(self) -> str:
        text = " ".join(self.statement.split())[:300]
        return f"{', '.join(self.tables)}: locked while it is read or written, by: {text}"


@dataclass(slots=True)
class LockWatch:
    """What was found so far; it is called by Django for each statement."""

    known: frozenset[str]  # tables: one that is made meanwhile is nobody else's yet
    findings: list[Finding] = field(default_factory=list)

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        """Run a statement, and note it if it is refused."""
        if connection.in_atomic_block:
            return self._watched(execute, *statement)
        if self._is_tried(execute, *statement):
            return execute(*statement)
        # What can't run in a transaction is made for large tables, such as CREATE INDEX CONCURRENTLY, or is VACUUM FULL.
        files = _ask(_FILES)
        result = execute(*statement)
        self._refuse(statement[0], _rewritten(files))
        return result

    def _is_tried(self, execute: Callable[..., Any], *statement: Any) -> bool:
        """Run a statement in a transaction that is rolled back, since its locks are gone after one of its own.

        :returns: whether it can run in one
        """
        connection.set_autocommit(False)
        try:
            self._watched(execute, *statement)
        except InternalError as error:
            if not isinstance(error.__cause__, ActiveSqlTransaction):
                raise
            return False
        finally:
            connection.rollback()
            connection.set_autocommit(True)
        return True

    def _watched(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        touched, files = _ask(_TOUCHED), _ask(_FILES)
        result = execute(sql, *rest)
        used = {name for name, count in _ask(_TOUCHED).items() if count > touched.get(name, 0)}
        locked = _ask(_LOCKED, [list(STRONG)]).keys()
        self._refuse(sql, (used | _rewritten(files)) & locked)
        return result

    def _refuse(self, sql: str, tables: set[str]) -> None:
        if large := sorted(filter(is_large, tables & self.known)):
            self.findings.append(Finding(sql, large))


def is_large(table: str) -> bool:
    """Return whether a table may grow with the events."""
    return table not in SMALL and not table.startswith(DJANGOS)


@contextmanager
def watching() -> Iterator[LockWatch]:
    """Watch all statements of Django's connection in a block."""
    connection.ensure_connection()
    watch = LockWatch(frozenset(_ask(_FILES)))
    with connection.execute_wrapper(watch):
        yield watch


def _rewritten(files: Mapping[str, int]) -> set[str]:
    """Return the tables that are written anew since their files were these."""
    return {name for name, file in _ask(_FILES).items() if files.get(name, file) != file}


def _ask(query: str, values: list[Any] | None = None) -> dict[str, int]:
    """Ask past the wrapper, which would watch this too."""
    assert connection.connection is not None
    with connection.connection.cursor() as cursor:
        return dict(cursor.execute(query, values).fetchall())
