"""Writes PostgreSQL's rows into a backup: pg_dump, and the positions in Kafka, in one and the same snapshot."""

from __future__ import annotations

import os
import select
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from processing.backup import programs
from processing.backup.files.manifest import Position
from processing.backup.files.problem import BackupProblem
from processing.backup.programs import Programs
from processing.errors import postgres_errors
from processing.stores import postgres

FILE = "rows.sql.zst"
APPLICATION = "dataflow-backup"
# The end of what pg_dump writes when it has written everything.
COMPLETE = b"PostgreSQL database dump complete"
_LOOK = 0.5  # seconds between two looks whether a signal has arrived
_PIECE = 1024 * 1024  # bytes
_LOCK_WAIT = 60_000  # milliseconds for a table that is being migrated
_OPTIONS = (
    # Any role may restore it.
    *("--no-owner", "--no-tablespaces", "--no-publications", "--no-subscriptions", "--encoding=UTF8"),
    # With the rows of sessions a reader of the backup would be signed in. Marks are only about transactions of this server.
    *("--exclude-table-data=public.django_session", "--exclude-table-data=public.change_mark"),
    f"--lock-wait-timeout={_LOCK_WAIT}",
)
# Whatever the server or the role has for others would end the snapshot before the dump.
_NO_LIMITS = """
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
"""
_POSITIONS = """
SELECT t.name, t.kafka_id::text, p.partition, p.next_offset FROM progress p JOIN topic t ON t.id = p.topic_id ORDER BY t.id, p.partition
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What PostgreSQL holds at one moment."""

    name: str  # for pg_dump
    at: datetime
    server: str  # version
    positions: Sequence[Position]
    migrations: Mapping[str, Sequence[str]]
    rows: int  # of events, as the ledger counts them


@contextmanager
def snapshot() -> Iterator[Snapshot]:
    """Keep what PostgreSQL holds now visible until the block ends.

    :raises StoreUnavailable: PostgreSQL does not answer
    :raises NeedsOperator: it refuses; for example, it has no tables
    """
    with postgres_errors():
        connection = postgres.connect(application=APPLICATION, options="")
    with connection, postgres_errors(), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(_NO_LIMITS)
        found = _read(connection)
        yield found


class Dump:
    """The output of pg_dump on a snapshot, as a source. To be used in a with statement.

    :param advance: is called with the size of each piece
    """

    def __init__(self, fitting: Programs, taken: Snapshot, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._process = fitting.start("pg_dump", f"--snapshot={taken.name}", *_OPTIONS, stdout=subprocess.PIPE)
        self._stderr = b""
        # Else it would stop at a full pipe.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Dump:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes of its output; what `advance` raises passes through.

        :raises BackupProblem: it failed
        """
        assert self._process.stdout is not None
        # It may wait for a table, and who wants to stop should not.
        while not select.select([self._process.stdout], [], [], _LOOK)[0]:
            self._advance(0)
        piece = os.read(self._process.stdout.fileno(), _PIECE if size < 0 else size)
        if not piece and self._process.wait() != 0:
            self._listener.join()
            raise BackupProblem(f"PostgreSQL can't be dumped: {programs.refusal(self._stderr)}.")
        self._advance(len(piece))
        return piece

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            self._stderr = stderr.read()


def major(version: str) -> int:
    """Return the number before the first dot."""
    return int(version.split(".", maxsplit=1)[0])


def _read(connection: psycopg.Connection) -> Snapshot:
    [(name, at)] = connection.execute("SELECT pg_export_snapshot(), now()").fetchall()
    if connection.execute("SELECT to_regclass('progress')").fetchall() == [(None,)]:
        raise BackupProblem("PostgreSQL has no tables of the product: check POSTGRES_DB, or run manage.py migrate.")
    positions = [Position(*row) for row in connection.execute(_POSITIONS)]
    migrations: dict[str, list[str]] = {}
    for app, migration in connection.execute("SELECT app, name FROM django_migrations ORDER BY app, name"):
        migrations.setdefault(app, []).append(migration)
    [(rows,)] = connection.execute("SELECT coalesce(sum(stored), 0)::bigint FROM source_statistics").fetchall()
    return Snapshot(name, at, server_version(connection), positions, migrations, rows)


def server_version(connection: psycopg.Connection) -> str:
    """Return the version of the server, as 18.6."""
    number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"
