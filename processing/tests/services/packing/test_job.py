"""The job that packs: with real events, with what comes late, beside recounts and repairs, and when it is due."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from deploy.testing.deployment import Deployment
from processing.commandline.event_range import EventRange, parse
from processing.commandline.progress import Progress
from processing.jobs import queue
from processing.models import Job, LedgerHour, LedgerMinute
from processing.packing import job as packing_job
from processing.packing import reclaim, schedule
from processing.packing.schedule import Schedule
from processing.recovery.reconcile import reconcile
from processing.recovery.repair import repair
from processing.stores.packed.rollups import BOTH
from processing.tests import expectations
from processing.tests.kill_rounds import KillRounds, consume_the_rest, send_round
from processing.tests.packing import LONG_PAST, pack

pytestmark = pytest.mark.services


@pytest.fixture(name="rounds", scope="module")
def _rounds(module_site: Deployment) -> Iterator[KillRounds]:
    rounds = KillRounds(module_site, module_site.start_ingest().url)
    yield rounds
    rounds.redrive._outlet.close()


@pytest.fixture(autouse=True)
def _no_jobs(rounds: KillRounds) -> None:
    Job.objects.all().delete()


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount, statement


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        [number] = cursor.fetchone() or [0]
        return int(number)


def loose() -> int:
    return sum(count(rollups.loose) for rollups in BOTH) + count("ledger_minute")


def test_everything_agrees_before_and_after_and_with_what_comes_late(rounds: KillRounds) -> None:
    for _ in range(2):
        send_round(rounds)
        consume_the_rest(rounds)
        expectations.assert_exact(rounds.site, rounds.expected)
        before = loose()

        assert pack().done == before > 0

        assert loose() == 0
        expectations.assert_exact(rounds.site, rounds.expected)
    assert all(count(rollups.packed) for rollups in BOTH)
    assert LedgerHour.objects.exists()


DAMAGE = {
    "UPDATE rollup_minute_packed SET first[1] = first[1] + 1 WHERE source_id = 'killed-1'": "rollup_minute_differs",
    "DELETE FROM rollup_hour_packed WHERE source_id = 'killed-2'": "rollup_hour_differs",
    "UPDATE ledger_hour SET read = read + 7, stored = stored + 3 WHERE source_id = 'killed-3'": "ledger_differs",
    "DELETE FROM ledger_hour WHERE source_id = 'killed-4'": "statistics_differ",
    "DELETE FROM events WHERE source_id = 'killed-5' AND ts < '2026-01-15'": "document_without_row",
    "UPDATE ledger_hour SET stored = stored + 1 WHERE source_id = 'killed-6'": "unaccounted",
}


def test_what_is_damaged_in_packed_rows_is_named_and_repaired(rounds: KillRounds) -> None:
    pack()
    for statement in DAMAGE:
        execute(statement)

    assert reconcile.run().kinds.keys() >= set(DAMAGE.values())
    repair.run(EventRange(), dry_run=False, progress=Progress())

    expectations.assert_exact(rounds.site, rounds.expected)
    pack()
    expectations.assert_exact(rounds.site, rounds.expected)


def test_a_time_range_within_a_folded_hour_is_widened_to_the_hour(rounds: KillRounds) -> None:
    pack()
    hour = LedgerHour.objects.latest("hour").hour
    inside = EventRange(hour + timedelta(minutes=59), hour + timedelta(minutes=59, seconds=1))

    report = reconcile.run(inside)

    assert (report.events.since, report.events.until) == (hour, hour + timedelta(hours=1))
    assert report.ok
    assert report.equation["stored"] == sum(LedgerHour.objects.filter(hour=hour).values_list("stored", flat=True)) > 0
    assert reconcile.run(EventRange(parse("2001-01-01T00:30:00Z"), hour)).events.since == parse("2001-01-01T00:30:00Z")


def claim(worker: str) -> Job:
    job = queue.claim(worker, {packing_job.KIND: packing_job.step})
    assert job is not None
    return job


def test_a_worker_continues_where_another_was_stopped(rounds: KillRounds, monkeypatch: pytest.MonkeyPatch) -> None:
    LedgerMinute.objects.bulk_create(
        LedgerMinute(source_id=f"s{number}", minute=parse("2026-01-01"), partition=0, read=1, stored=1)
        for number in range(30)
    )
    monkeypatch.setattr(packing_job, "CHUNK", 7)
    packing_job.request(who="test")
    stopping = threading.Event()

    for worker in ("one", "two"):
        job = claim(worker)
        stopping.clear()
        # Until it has folded once, in the last table.
        queue.run(
            job, packing_job.step, stopping=stopping, report=lambda at: stopping.set() if 0 < at.done < 14 else None
        )

    job.refresh_from_db()
    assert (job.state, job.done, job.message) == (Job.State.DONE, 30, "30 rows packed")
    execute("DELETE FROM ledger_hour WHERE source_id LIKE 's%'")
    assert rounds.expected.events


def test_the_job_is_requested_once_in_six_hours_whoever_looks(rounds: KillRounds) -> None:
    for _ in range(2):
        Schedule().look()

    [job] = Job.objects.all()
    assert (job.kind, job.who, job.state) == (packing_job.KIND, "schedule", Job.State.QUEUED)

    Job.objects.update(created_at=Now() - timedelta(hours=6, seconds=1))
    assert schedule.request_if_due() is None  # it still waits
    Job.objects.update(state=Job.State.DONE)
    assert schedule.request_if_due() is not None
    assert schedule.request_if_due() is None


def test_no_job_is_requested_where_packing_is_turned_off(rounds: KillRounds, settings: Settings) -> None:
    settings.DATAFLOW_PACK_EVERY_HOURS = 0

    assert schedule.request_if_due() is None


def test_a_large_table_that_is_nearly_empty_gives_its_room_back(
    rounds: KillRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reclaim, "SMALLEST", 1_000_000)
    execute(
        "INSERT INTO ledger_minute (source_id, minute, partition, read, stored, duplicate, dead_lettered, dropped)"
        " SELECT 's', timestamptz '2026-01-01Z' + n * interval '1 minute', 0, 1, 1, 0, 0, 0 FROM generate_series(1, 20000) AS n"
    )
    execute("DELETE FROM ledger_minute WHERE minute > '2026-01-01T00:07:00Z'")

    # A reader of the table keeps it from being rewritten, and is not disturbed.
    with rounds.site.servers.postgres.connect(rounds.site.name) as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        seen = reader.execute("SELECT count(*) FROM ledger_minute").fetchall()
        assert reclaim.give_back(["ledger_minute"]) == {}
        assert reader.execute("SELECT count(*) FROM ledger_minute").fetchall() == seen
        reader.execute("COMMIT")

    given = reclaim.give_back(["ledger_minute", "rollup_minute"])

    assert given.keys() == {"ledger_minute"}
    assert given["ledger_minute"] > 1_000_000
    assert count("ledger_minute") == 7
    assert reclaim.give_back(["ledger_minute"]) == {}
    execute("DELETE FROM ledger_minute")


def test_a_packing_that_is_due_later_leaves_what_is_new(rounds: KillRounds) -> None:
    send_round(rounds)
    consume_the_rest(rounds)
    minutes = count("ledger_minute")

    # Rollups go by event time, of January; the ledger by the time of receipt, which is now.
    pack(until="2026-02-15T00:00:00+00:00")

    assert [count(rollups.loose) for rollups in BOTH] == [0, 0]
    assert count("ledger_minute") == minutes > 0
    expectations.assert_exact(rounds.site, rounds.expected)
    assert pack(until=LONG_PAST).done == minutes
