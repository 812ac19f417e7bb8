"""Migrations that lock a large table while they read or write it are refused, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, migrations, models, transaction
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from deploy.testing.deployment import Deployment
from deploy.upgrades import lock_watch
from processing.migration_steps import CreateIndexConcurrently

pytestmark = pytest.mark.services

# The last migration of each app in release 0.6.0. Those before it are not edited any more, good or bad: docs/upgrades.md
# says what they cost.
RELEASED = {
    "processing": "0017_payload_changed",
    "ingestion": "0006_group_sources",
    "dataflow_site": "0001_sign_in_failures",
}

SQL = migrations.RunSQL
BAD: dict[str, tuple[str, list[Operation]]] = {
    "not null": ("dead_letter", [SQL("ALTER TABLE dead_letter ALTER COLUMN event_id SET NOT NULL")]),
    "another type": (
        "replay_removal",
        [SQL("ALTER TABLE replay_removal ALTER COLUMN rule TYPE varchar(999) USING rule || ''")],
    ),
    "an index": ("rollup_minute", [SQL("CREATE INDEX slow ON rollup_minute (source_id)")]),
    "an index of all partitions": ("events_before_2010", [SQL("CREATE INDEX slow ON events (source_id, id)")]),
    "a check": ("ledger_minute", [SQL("ALTER TABLE ledger_minute ADD CONSTRAINT c CHECK (source_id <> 'x')")]),
    "a default of each row": ("source", [SQL("ALTER TABLE source ADD COLUMN chance float8 DEFAULT random()")]),
    "a column of events with a default of each row": (
        "events_before_2010",
        [SQL("ALTER TABLE events ADD COLUMN chance float8 DEFAULT random()")],
    ),
    "a column, then its values": (
        "events_before_2010",
        [
            SQL("ALTER TABLE events ADD COLUMN mark boolean"),
            SQL("UPDATE events SET mark = true WHERE tags IS NOT NULL"),
        ],
    ),
    "a lock, then a look": (
        "rollup_hour",
        [SQL("LOCK TABLE rollup_hour IN SHARE ROW EXCLUSIVE MODE"), SQL("SELECT count(*) FROM rollup_hour")],
    ),
    "django's own index": (
        "dead_letter",
        [migrations.AddIndex("deadletter", models.Index(fields=["detail"], name="slow_detail"))],
    ),
}
GOOD: dict[str, list[Operation]] = {
    "a nullable column": [SQL("ALTER TABLE events ADD COLUMN extra bigint")],
    "a constant default": [SQL("ALTER TABLE rollup_minute ADD COLUMN extra bigint NOT NULL DEFAULT 0")],
    "a check that is not validated": [SQL("ALTER TABLE dead_letter ADD CONSTRAINT c CHECK (detail <> 'x') NOT VALID")],
    "values of rows alone": [SQL("UPDATE dead_letter SET detail = '' WHERE detail IS NULL")],
    "a new table": [
        SQL("CREATE TABLE fresh (n integer)"),
        SQL("INSERT INTO fresh VALUES (1)"),
        SQL("CREATE INDEX i ON fresh (n)"),
    ],
    "a column less": [SQL("ALTER TABLE events DROP COLUMN payload_changed")],
    "anything to a small table": [SQL("ALTER TABLE job ADD COLUMN chance float8 DEFAULT random()")],
}


def apply(*operations: Operation, atomic: bool = True) -> list[lock_watch.Finding]:
    """Apply a migration of these operations, as `migrate` would."""
    candidate = type("Candidate", (Migration,), {"operations": [*operations], "atomic": atomic})
    migration: Migration = candidate("candidate", "processing")
    state = ProjectState.from_apps(apps)
    undo = undone() if atomic else nullcontext()
    with lock_watch.watching() as watch, undo, connection.schema_editor(atomic=atomic) as editor:
        migration.apply(state, editor)
    return watch.findings


@contextmanager
def undone() -> Iterator[None]:
    """Undo what a block does to the database."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("kind", BAD)
def test_a_migration_that_locks_a_large_table_over_a_scan_is_refused(module_site: Deployment, kind: str) -> None:
    table, operations = BAD[kind]

    assert table in {name for finding in apply(*operations) for name in finding.tables}


@pytest.mark.parametrize("kind", GOOD)
def test_a_migration_that_takes_no_time_is_not_refused(module_site: Deployment, kind: str) -> None:
    assert apply(*GOOD[kind]) == []


def test_outside_of_a_transaction_the_same_is_refused_and_a_concurrent_index_is_not(module_site: Deployment) -> None:
    bad = apply(SQL("ALTER TABLE source_statistics ADD COLUMN chance float8 DEFAULT random()"), atomic=False)
    good = apply(CreateIndexConcurrently("source_statistics", "quick", "source_id"), atomic=False)

    whole = apply(SQL("VACUUM FULL dead_letter"), atomic=False)

    assert [finding.tables for finding in (*bad, *whole)] == [["source_statistics"], ["dead_letter"]]
    assert good == []


def test_no_migration_since_the_release_before_locks_a_large_table_over_a_scan(site: Deployment) -> None:
    for app, last in RELEASED.items():
        call_command("migrate", app, last, verbosity=0)

    with lock_watch.watching() as watch:
        call_command("migrate", verbosity=0)

    assert "\n".join(map(str, watch.findings)) == ""


def test_a_released_migration_that_locked_the_events_while_it_read_them_is_found(site: Deployment) -> None:
    call_command("migrate", "processing", "0016", verbosity=0)

    with lock_watch.watching() as watch:
        call_command("migrate", "processing", "0017", verbosity=0)

    assert {"events_before_2010"} <= {name for finding in watch.findings for name in finding.tables}
