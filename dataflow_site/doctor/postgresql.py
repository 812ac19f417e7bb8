"""PostgreSQL: its version, rights, tables, indexes, what it promises of a commit, and its connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import connection as own
from django.db.migrations.loader import MigrationLoader
from django.db.models import Index, UniqueConstraint

from dataflow_site.doctor import clocks
from dataflow_site.doctor.findings import Group, Said, error, right, warning
from processing.errors import postgres_errors
from processing.stores import postgres
from processing.supported_versions import POSTGRESQL, too_old

MIGRATE = "manage.py migrate"
# Beside the pool of each web process (DATAFLOW_READS + 6) and its exports: one consumer, job worker and command of recovery,
# with two each, and the receivers' look-ups of keys.
OTHERS = 12
_RESERVED = 0.9  # of the connections that may be in use now
_RIGHTS = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
    AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) ORDER BY 1
"""
_OWNED = """
SELECT pg_get_userbyid(relowner), pg_has_role(relowner, 'USAGE') AND has_schema_privilege('public', 'CREATE')
FROM pg_class WHERE oid = to_regclass('public.events')
"""
_BROKEN = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT (i.indisvalid AND i.indisready)
AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid) ORDER BY 1
"""
_DETACHED = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
AND c.relname ~ '^events_[0-9]{4}_[0-9]{2}$' ORDER BY 1
"""


@contextmanager
def opened() -> Iterator[psycopg.Connection]:
    """Give a connection whose statements take seconds at most.

    :raises StoreUnavailable: PostgreSQL does not answer
    """
    with postgres_errors():
        connection = postgres.connect(application="dataflow-doctor", options="-c statement_timeout=5000")
    with connection:
        yield connection


GROUP: Group[psycopg.Connection] = Group(
    "postgresql",
    opened,
    "Check POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, and start it.",
)


@GROUP.check("version", "It is of a supported version.")
def version(connection: psycopg.Connection) -> Iterator[Said]:
    """The one that processing.supported_versions has."""
    found = divmod(connection.info.server_version, 10_000)
    sentence = too_old(POSTGRESQL, found)
    yield error(sentence, "Upgrade PostgreSQL.") if sentence else right(f"Version {found[0]}.{found[1]}.")


@GROUP.check("writable", "It takes changes.")
def writable(connection: psycopg.Connection) -> Iterator[Said]:
    """Not a standby, and not made read-only."""
    if _one(connection, "SELECT pg_is_in_recovery()"):
        yield error(
            "It is a standby, which takes no changes.",
            "Set POSTGRES_HOST to the primary, or to all of them with commas.",
        )
    elif _one(connection, "SHOW transaction_read_only") == "on":
        yield error(
            "It is read-only.",
            "ALTER DATABASE … RESET default_transaction_read_only (and ALTER ROLE); look for a full disk.",
        )


@GROUP.check("migrations", "All migrations are applied.")
def migrations(connection: psycopg.Connection) -> Iterator[Said]:
    """Compares those of this release with those of the database."""
    known = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    if _one(connection, "SELECT to_regclass('django_migrations') IS NULL"):
        yield error("There are no tables.", MIGRATE)
        return
    applied = set(connection.execute("SELECT app, name FROM django_migrations").fetchall())
    if missing := sorted(known - applied):
        yield error(f"{len(missing)} migrations are not applied, such as {'.'.join(missing[0])}.", MIGRATE)
    ours = {app for app, _ in known}
    if newer := sorted(one for one in applied - known if one[0] in ours):
        yield warning(f"A newer release has migrated it, with {'.'.join(newer[0])}.", "Start that release everywhere.")


@GROUP.check("rights", "The user may read and change every table, and make the partition of a month.")
def rights(connection: psycopg.Connection) -> Iterator[Said]:
    """Of the role that the product connects as."""
    user = connection.info.user
    if locked := [table for (table,) in connection.execute(_RIGHTS)]:
        yield error(
            f"The user may not read and change {len(locked)} tables, such as {locked[0]}.",
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}; (as the owner)",
        )
    for owner, may in connection.execute(_OWNED):
        if not may:
            yield error(
                f"The user can't make a month's partition: {owner} owns the table, or the schema is closed.",
                f"GRANT {owner} TO {user}; GRANT CREATE ON SCHEMA public TO {user}; (as an administrator)",
            )


@GROUP.check("durability", "What it confirms is on the disk.")
def durability(connection: psycopg.Connection) -> Iterator[Said]:
    """A commit that is lost takes progress back, too; but a page that is torn is lost for good."""
    for name in ("fsync", "full_page_writes"):
        if _one(connection, f"SHOW {name}") == "off":
            yield error(
                f"{name} is off: a crash can destroy the database.",
                f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();",
            )
    if _one(connection, "SHOW synchronous_commit") == "off":
        yield warning(
            "synchronous_commit is off: after a crash the last commits are missing until their records are read again.",
            "ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf(); (look at ALTER ROLE and ALTER DATABASE, too)",
        )


@GROUP.check("indexes", "Every index of the product is there and whole.")
def indexes(connection: psycopg.Connection) -> Iterator[Said]:
    """Those that the models name; and any that an interrupted CREATE INDEX CONCURRENTLY has left unfinished."""
    for (name,) in connection.execute(_BROKEN):
        yield error(
            f"The index {name} is not finished, so it slows writers and serves no reader.",
            f"REINDEX INDEX CONCURRENTLY {name};",
        )
    there = {name for (name,) in connection.execute("SELECT relname FROM pg_class WHERE relkind IN ('i', 'I')")}
    for table, name, statement in _expected():
        if name not in there and not _one(connection, f"SELECT to_regclass('{table}') IS NULL"):
            yield error(f"The index {name} of {table} is missing.", statement)


@GROUP.check("months", "Every table of a month is a part of the table of events.")
def months(connection: psycopg.Connection) -> Iterator[Said]:
    """One that was taken out by hand shows no events, and its month can't be made anew."""
    for (name,) in connection.execute(_DETACHED):
        year, month = int(name[7:11]), int(name[12:14])
        first, after = f"{year}-{month:02}-01", f"{year + month // 12}-{month % 12 + 1:02}-01"
        yield error(
            f"The table {name} is not a part of events: its events are not shown, and new ones of its month are not stored.",
            f"ALTER TABLE events ATTACH PARTITION {name} FOR VALUES FROM ('{first}Z') TO ('{after}Z');",
        )


@GROUP.check("connections", "max_connections has room for the processes of the product.")
def connections(connection: psycopg.Connection) -> Iterator[Said]:
    """With one process of each kind; each further web process needs its pool again."""
    most = int(str(_one(connection, "SHOW max_connections"))) - int(
        str(_one(connection, "SHOW superuser_reserved_connections"))
    )
    used = int(str(_one(connection, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")))
    pool = int(settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]) + settings.DATAFLOW_EXPORTS
    if pool + OTHERS > most:
        yield error(
            f"One web process may take {pool} connections and the others {OTHERS}, but there are {most}.",
            "Lower DATAFLOW_READS or DATAFLOW_EXPORTS, or: ALTER SYSTEM SET max_connections = 200; and restart PostgreSQL.",
        )
    elif used > most * _RESERVED:
        yield warning(
            f"{used} of {most} connections are in use.",
            "ALTER SYSTEM SET max_connections = 200; and restart PostgreSQL, or use a pooler.",
        )
    else:
        yield right(f"{used} of {most} connections are in use; a web process may take {pool}.")


@GROUP.check("pooler", "The connection is to PostgreSQL itself.")
def pooler(connection: psycopg.Connection) -> Iterator[Said]:
    """A pooler in transaction mode gives each transaction another session, or ignores what the connection asked for."""
    sessions = {_one(connection, "SELECT pg_backend_pid()") for _ in range(5)}
    if len(sessions) > 1 or _one(connection, "SHOW statement_timeout") != "5s":
        if _one(connection, "SELECT setting = '0' FROM pg_settings WHERE name = 'statement_timeout'"):
            user = connection.info.user
            yield warning(
                "Behind a pooler in transaction mode no statement of a page has a limit.",
                f"ALTER ROLE {user} SET statement_timeout = '5s'; (docs/operations.md, and connect backups to PostgreSQL itself)",
            )
        else:
            yield right("A pooler in transaction mode is between; connect `backup` and `migrate` to PostgreSQL itself.")


@GROUP.check("clock", "Its clock is this machine's.")
def clock(connection: psycopg.Connection) -> Iterator[Said]:
    """Events are stored with its time."""

    def ask() -> datetime:
        told = _one(connection, "SELECT clock_timestamp()")
        assert isinstance(told, datetime)
        return told

    yield from clocks.compare("PostgreSQL", ask)


def _one(connection: psycopg.Connection, query: str) -> Any:
    [(value,)] = connection.execute(query).fetchall()
    return value


def _expected() -> Iterator[tuple[str, str, str]]:
    """Yield table, name and statement of each index that a model names."""
    try:
        with own.schema_editor(collect_sql=True) as editor:
            for model in apps.get_models():
                if not model._meta.managed:  # noqa: SLF001 - Django's documented interface
                    continue
                table = model._meta.db_table  # noqa: SLF001
                for one in (*model._meta.indexes, *model._meta.constraints):  # noqa: SLF001
                    if isinstance(one, Index):
                        yield table, one.name, f"{one.create_sql(model, editor, concurrently=True)};"
                    elif isinstance(one, UniqueConstraint):
                        yield table, one.name, f"{one.create_sql(model, editor)};"
    finally:
        own.close()
