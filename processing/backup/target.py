"""Looks at what a backup would be restored into: its data, who uses it, and what Kafka still has."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from processing.backup import rows
from processing.backup.files.manifest import Manifest
from processing.backup.files.problem import BackupProblem
from processing.errors import NeedsOperator, StoreUnavailable
from processing.kafka.administration.consumer_group import open_group
from processing.stores import postgres
from processing.stores.mongodb import raw_documents

# `migrate` fills these.
_OF_MIGRATIONS = ("django_migrations", "django_content_type", "auth_permission", "auth_group_permissions")
# Of the groups it makes the roles; others are someone's.
_GROUPS = "SELECT EXISTS (SELECT FROM auth_group WHERE name <> ALL (ARRAY['viewer', 'operator', 'administrator']))"
_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (%s) ORDER BY 1
"""
_CONSUMERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s AND pid <> pg_backend_pid()"
_JOBS = "SELECT count(*) FROM job WHERE state = 'running' AND heartbeat > now() - interval '30 seconds'"
# For the length of the transaction. The number spells "rest".
_LOCK = f"SELECT pg_try_advisory_xact_lock({0x72657374})"


def lock(connection: psycopg.Connection) -> None:
    """Keep other restores out until the transaction ends.

    :raises BackupProblem: another one is running
    """
    [(taken,)] = connection.execute(_LOCK).fetchall()
    if not taken:
        raise BackupProblem("Another restore into this database is running.")


def refuse_newer(found: Manifest, server: str) -> None:
    """Check that this release and this server can hold the rows.

    :raises BackupProblem: the backup is of a newer one
    """
    if rows.major(found.postgresql) > rows.major(server):
        raise BackupProblem(
            f"The backup is of PostgreSQL {found.postgresql}, and this server is {server}: use one that is as new."
        )
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    unknown = [(app, name) for app, names in found.migrations.items() for name in names if (app, name) not in known]
    if unknown:
        app, name = unknown[0]
        raise BackupProblem(
            f"The backup is of a newer release, {found.release}, with the migration {app}.{name}: install that one first."
        )


def refuse_data(connection: psycopg.Connection, backup: str) -> None:
    """Check that both stores are empty.

    :param backup: what an interrupted restore of it has left does not count
    :raises BackupProblem: they hold data
    """
    filled = [table for (table,) in connection.execute(_TABLES, [list(_OF_MIGRATIONS)]) if _has_rows(connection, table)]
    full = [f"PostgreSQL has rows ({', '.join(filled[:3])}{', …' if len(filled) > 3 else ''})"] if filled else []
    full += ["MongoDB has documents"] if raw_documents.exist(unless_of=backup) else []
    if full:
        raise BackupProblem(f"{' and '.join(full)}: with --replace they are deleted for good, and the backup restored.")


def refuse_users(connection: psycopg.Connection) -> None:
    """Check that nothing writes to the stores.

    :raises BackupProblem: consumers or jobs run
    """
    [(consumers,)] = connection.execute(_CONSUMERS, [postgres.APPLICATION]).fetchall()
    jobs = 0
    if connection.execute("SELECT to_regclass('job')").fetchall() != [(None,)]:
        [(jobs,)] = connection.execute(_JOBS).fetchall()
    try:
        with open_group() as group:
            consumers = max(consumers, group.members())
    except (StoreUnavailable, NeedsOperator):
        # Kafka may be lost as well; whoever is connected to PostgreSQL was counted.
        pass
    if consumers:
        raise BackupProblem(
            f"{consumers} {'consumer runs' if consumers == 1 else 'consumers run'}: stop them first (a killed one counts"
            " for ten seconds). Receivers go on."
        )
    if jobs:
        raise BackupProblem("A job is running: stop `manage.py run_jobs` first.")


def compare_with_kafka(found: Manifest) -> Iterator[str]:
    """Yield what consumers will not be able to read again."""
    try:
        with open_group() as group:
            ends = group.ends()
    except (StoreUnavailable, NeedsOperator) as error:
        yield f"Whether Kafka has what came after the backup is not known: {error}."
        return
    ours = {one.partition: one.next_offset for one in found.positions if one.topic_id == str(ends.topic)}
    if found.positions and not ours:
        yield (
            f"The topic {ends.name} was made anew since the backup: it is read from its beginning, and what came between"
            " is gone."
        )
    gone = {number: ends.partitions[number][0] - at for number, at in ours.items() if number in ends.partitions}
    missing = {number: count for number, count in gone.items() if count > 0}
    if missing:
        yield (
            f"Kafka has removed {sum(missing.values()):,} records that came after the backup, in the partitions"
            f" {', '.join(map(str, missing))}: they will be a gap in the ledger."
        )


def _has_rows(connection: psycopg.Connection, table: str) -> bool:
    query = sql.SQL(_GROUPS if table == "auth_group" else "SELECT EXISTS (SELECT FROM {})").format(sql.SQL(table))
    return connection.execute(query).fetchall() == [(True,)]
