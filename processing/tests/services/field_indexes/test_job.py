"""The job that makes and drops declared indexes: on every partition, resumed, cancelled, failed, beside consumers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.errors import DiskFull

from deploy.testing.deployment import Deployment
from processing.field_indexes import declaring, listing, partition_index
from processing.field_indexes.declaring import Refused
from processing.field_indexes.listing import IndexState
from processing.jobs import heartbeat, queue
from processing.models import FieldIndex, Job
from processing.stores import month_partitions, postgres
from processing.stores.fields.definitions import Definition
from processing.tests import declared_indexes
from processing.tests.declared_indexes import add, drop, made, run, statistics

pytestmark = pytest.mark.services

MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))
ALL_VALID = {"events_before_2010": True, "events_2026_03": True, "events_2026_04": True}


@pytest.fixture(autouse=True)
def _months(site: Deployment) -> None:
    for start in (MARCH, APRIL):
        declared_indexes.fill(start, count=100)


def state() -> tuple[str, int, int]:
    [one] = listing.everything()
    return one.state, one.finished, one.partitions


def test_every_partition_gets_the_index_with_progress_and_statistics() -> None:
    job = add("plant-*", "level")

    assert (job.state, job.done, job.total) == (Job.State.DONE, 3, 3)
    assert job.message == "3 partitions have the index"
    assert made() == ALL_VALID
    assert statistics() == 3
    assert state() == (IndexState.READY, 3, 3)


def test_a_dropped_index_leaves_nothing() -> None:
    add("plant-*", "level")

    job = drop("plant-*", "level")

    assert (job.state, job.done, job.total, job.message) == (Job.State.DONE, 6, 6, "dropped")
    assert (made(), statistics()) == ({}, 0)
    assert not FieldIndex.objects.exists()


def test_partitions_to_come_have_it_from_the_start_until_it_is_dropped() -> None:
    add("*", "a%b.it's")

    with postgres.connect() as consumer:
        month_partitions.ensure(consumer, [MAY])

    assert made() == {**ALL_VALID, "events_2026_05": True}
    assert state() == (IndexState.READY, 4, 4)

    declaring.drop("*", "a%b.it's", who="ann")
    with postgres.connect() as consumer:
        month_partitions.ensure(consumer, [datetime(2026, 6, 1, tzinfo=UTC)])
    assert "events_2026_06" not in made()


def test_a_partition_made_by_a_consumer_that_did_not_know_the_index_gets_it_too() -> None:
    with postgres.connect() as consumer, consumer.transaction():
        # It has read what is declared, which is nothing, and has not committed its partition.
        month_partitions.ensure(consumer, [MAY])
        job = declaring.add("*", "level", who="ann", worker="tests")
        thread = threading.Thread(target=run, args=[job])
        thread.start()
        wait_for(lambda: len(made()) == 3 and waits_for("advisory"))
        assert FieldIndex.objects.get().state == FieldIndex.State.BUILDING
    thread.join()

    assert made() == {**ALL_VALID, "events_2026_05": True}
    assert state() == (IndexState.READY, 4, 4)


def test_a_killed_workers_unfinished_index_is_made_again_and_finished_ones_are_kept() -> None:
    job = declaring.add("*", "level", who="ann", worker="killed")
    assert declared_indexes.STEPS[job.kind](job) == 0.0
    row = FieldIndex.objects.get()
    definition = Definition.of(row.pk, row.pattern, row.field)
    with postgres.connect() as other:
        [(before,)] = other.execute("SELECT to_regclass(%s)::oid", [definition.name("events_2026_04")]).fetchall()
        other.execute(definition.create("events_2026_03"))
        # As a worker that is killed in the middle leaves it.
        other.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
            [definition.name("events_2026_03")],
        )
    assert made() == {"events_2026_04": True, "events_2026_03": False}
    Job.objects.filter(pk=job.pk).update(heartbeat=datetime(2026, 1, 1, tzinfo=UTC))

    taken = queue.claim("next", declared_indexes.STEPS)
    assert taken is not None
    assert run(taken).state == Job.State.DONE

    assert made() == ALL_VALID
    with postgres.connect() as other:
        assert other.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = %s", [before]).fetchone() == (True,)


def test_the_statement_of_a_worker_that_was_killed_goes_on_and_the_next_worker_waits_for_it(site: Deployment) -> None:
    job = declaring.add("*", "level", who="ann")
    worker = site.start_jobs()
    with open_transaction():
        site.wait_for(lambda: waits_for("virtualxid"))
        worker.kill()
        Job.objects.update(heartbeat=datetime(2026, 1, 1, tzinfo=UTC))
        taken = queue.claim("next", declared_indexes.STEPS)
        assert taken == job

        assert declared_indexes.STEPS[job.kind](taken) == 1.0

        assert taken.message == "waiting until another index is made"
        assert made() == {"events_2026_04": False}
    assert run(taken).state == Job.State.DONE
    assert made() == ALL_VALID


def test_consumers_write_while_it_waits_for_an_old_transaction_and_it_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "_BEAT", 0.1)
    monkeypatch.setattr(partition_index, "CLEAN_UP", 0.5)
    job = declaring.add("*", "level", who="ann", worker="tests")
    with open_transaction():
        thread = threading.Thread(target=run, args=[job])
        thread.start()
        wait_for(lambda: waits_for("virtualxid"))

        began = time.monotonic()
        declared_indexes.fill(APRIL.replace(hour=7), count=10)
        assert time.monotonic() - began < 1
        queue.cancel(job.pk)
        thread.join(10)

        assert not thread.is_alive()
        assert Job.objects.get().state == Job.State.CANCELLED
        [one] = listing.everything()
        assert (one.state, one.finished, one.detail) == (IndexState.FAILED, 0, "building: cancelled")
    # The old transaction has kept it from being removed.
    assert made() == {"events_2026_04": False}

    assert add("*", "level").state == Job.State.DONE
    assert made() == ALL_VALID


def test_a_cancelled_job_removes_what_it_has_not_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_BEAT", 0.1)
    job = declaring.add("*", "level", who="ann", worker="tests")
    with open_transaction() as old:
        thread = threading.Thread(target=run, args=[job])
        thread.start()
        wait_for(lambda: waits_for("virtualxid"))
        queue.cancel(job.pk)
        wait_for(lambda: "DROP INDEX" in waiting_statement())
        old.execute("COMMIT")
        thread.join(10)

    assert Job.objects.get().state == Job.State.CANCELLED
    assert made() == {}


def test_a_full_disk_fails_the_job_with_its_reason_and_adding_it_again_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = Definition.create

    def on_full_disk(definition: Definition, partition: str, *, concurrently: bool = False) -> str:
        statement = create(definition, partition, concurrently=concurrently)
        if partition != "events_2026_03":
            return statement
        return "DO $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"

    monkeypatch.setattr(Definition, "create", on_full_disk)
    job = add("*", "level")

    why = f"PostgreSQL: {DiskFull.__name__} 53100: could not extend file: No space left on device"
    assert (job.state, job.message) == (Job.State.FAILED, why)
    [one] = listing.everything()
    assert (one.state, one.finished, one.detail) == (IndexState.FAILED, 1, f"building: {why}")

    monkeypatch.setattr(Definition, "create", create)
    assert add("*", "level").state == Job.State.DONE
    assert made() == ALL_VALID


def test_a_time_limit_of_the_role_that_cant_be_lifted_is_the_reason_of_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partition_index, "OPTIONS", "-c statement_timeout=300")

    with open_transaction():
        job = add("*", "level")

    assert job.state == Job.State.FAILED
    assert job.message.endswith("canceling statement due to statement timeout")


def test_an_index_that_is_being_made_can_be_dropped() -> None:
    building = declaring.add("*", "level", who="ann", worker="tests")
    assert declared_indexes.STEPS[building.kind](building) == 0.0

    dropping = declaring.drop("*", "level", who="ann", worker="tests")
    # The other worker is not done with its chunk.
    assert declared_indexes.STEPS[dropping.kind](dropping) == 1.0
    assert dropping.message == f"waiting until job {building.pk} has stopped"

    assert run(building).state == Job.State.CANCELLED
    assert run(dropping).state == Job.State.DONE
    assert (made(), statistics()) == ({}, 0)
    assert not FieldIndex.objects.exists()


def test_an_index_that_lacks_a_partition_is_not_ready_and_is_completed_by_adding_it_again() -> None:
    add("*", "level")
    with pytest.raises(Refused, match="declared already, and ready"):
        add("*", "level")
    with postgres.connect() as other:
        other.execute(f"DROP INDEX field_{FieldIndex.objects.get().pk}_events_2026_04")
    assert state() == (IndexState.FAILED, 2, 3)

    assert add("*", "level").state == Job.State.DONE

    assert state() == (IndexState.READY, 3, 3)


def test_a_partition_that_is_dropped_takes_its_index_along() -> None:
    add("*", "level")

    with postgres.connect() as other:
        other.execute("DROP TABLE events_2026_03")

    assert state() == (IndexState.READY, 2, 2)
    assert statistics() == 2


@contextmanager
def open_transaction() -> Iterator[psycopg.Connection]:
    """Keep a transaction that reads events open, as a backup does."""
    with postgres.connect(options="") as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT count(*) FROM events")
        yield old


def waits_for(lock: str) -> bool:
    with postgres.connect() as other:
        return other.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = %s)",
            [lock],
        ).fetchone() == (True,)


def waiting_statement() -> str:
    with postgres.connect() as other:
        row = other.execute(
            "SELECT string_agg(query, ';') FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return str(row and row[0])


def wait_for(predicate: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline
        time.sleep(0.02)
