"""What reconcile proves on real servers, and which differences it reports after direct changes."""

from __future__ import annotations

import json
import threading
from io import StringIO
from uuid import UUID

import pytest
from bson import ObjectId
from django.core.management import CommandError, call_command
from django.db import connection, connections

from deploy.testing.deployment import Deployment, ProductProcess
from processing.commandline.event_range import EventRange
from processing.comparisons import differences, request
from processing.events.document_ids import document_id
from processing.jobs import queue
from processing.models import DeadLetter, Event, Progress, RollupMinute, SourceStatistics
from processing.recovery.reconcile import reconcile, reconcile_job, report_text
from processing.recovery.reconcile.reconcile import Report
from processing.recovery.recount import recount_sql
from processing.stores.mongodb import documents
from processing.stores.mongodb.document_store import DocumentStore
from processing.tests import expectations, factories
from processing.tests.consumer_thread import running_loop
from processing.tests.in_flight import write_documents_in_flight
from processing.tests.posting import post, readings
from processing.tests.undoing import undone

pytestmark = pytest.mark.services

ID = "0190163d-8694-739b-aea5-966c26f8ad91"
ONE = {"sourceId": "sensor-2", "timestamp": "2026-03-01T12:00:00Z", "payload": {"level": 1}, "eventId": ID}
GARBAGE = [
    b"not JSON at all",
    b"",
    b"\xff\xfe",
    b'{"sourceId":"sensor-3","timestamp":"2026-03-01T12:00:00Z"}',
    b'{"sourceId":"sensor-3","timestamp":"2026-03-01T12:00:00Z","payload":{"a":1}}\nnot JSON\n{"half":',
]


def was_read(source: str, count: int) -> bool:
    return SourceStatistics.objects.filter(source_id=source, read=count).exists()


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount == 1


@pytest.fixture(name="ingest")
def _ingest(site: Deployment) -> ProductProcess:
    return site.start_ingest()


@pytest.fixture(name="settled")
def _settled(site: Deployment) -> Deployment:
    """Forty events of one source that are stored, and one event with a conflict."""
    factories.put_events(site.raw_topic, *readings("sensor-1", 40))
    factories.put_events(site.raw_topic, ONE)
    factories.put_events(site.raw_topic, {**ONE, "payload": {"level": 2}})
    with running_loop():
        site.wait_for(lambda: was_read("sensor-1", 40) and was_read("sensor-2", 2))
    return site


def agreed(report: Report) -> bool:
    assert report.ok, report_text.render(report)
    return True


@pytest.mark.usefixtures("settled")
def test_a_clean_site_agrees() -> None:
    report = reconcile.run()

    assert agreed(report)
    assert report.equation == {
        "accepted": 42,
        "stored": 41,
        "duplicate": 0,
        "deadLettered": 1,
        "dropped": 0,
        "inFlight": 0,
        "inFlightRange": {"atLeast": 0, "atMost": 0},
        "unaccounted": 0,
    }
    assert (report.recounted["kafka"]["read"], report.recounted["kafka"]["stored"]) == (42, 41)
    assert report.recounted["mongodb"] == {"documents": 41, "inFlight": 0}
    assert report.recounted["postgresql"] == {"rows": 41, "carried": 0, "deadLetters": 1, "droppedByReplay": 0}
    assert [stretch["whole"] for stretch in report.proven] == [True] * len(report.proven)
    assert sum(stretch["records"] for stretch in report.proven) == report.recounted["kafka"]["records"]


@pytest.mark.usefixtures("settled")
def test_a_job_compares_and_keeps_its_report() -> None:
    job = request.request(who="ann")
    assert request.request(who="bob") == job
    in_part = request.request(EventRange(source="sensor-2"), who="ann")
    execute("DELETE FROM dead_letter")
    cancelled = request.request(EventRange(source="sensor-1"), who="ann")
    queue.cancel(cancelled.pk)

    for _ in range(2):
        assert queue.run_next("here", {request.KIND: reconcile_job.step}, stopping=threading.Event())

    job.refresh_from_db()
    in_part.refresh_from_db()
    assert job.report is not None
    assert in_part.report is not None
    assert (job.state, job.done, job.total, job.message) == ("done", 42, 42, "1 difference of 1 kind")
    assert (job.report["ok"], job.report["kinds"], job.report["equation"]["stored"]) == (
        False,
        {"letter_missing": 1},
        41,
    )
    assert [source["sourceId"] for source in in_part.report["sources"]] == ["sensor-2"]
    assert "Lines of Kafka counted" in [entry["text"] for entry in job.log]


OF_ONE = "WHERE source_id = 'sensor-2'"
CHANGES = {
    f"DELETE FROM events {OF_ONE}": {
        "event_lost", "document_without_row", "ledger_differs",
        "rollup_minute_differs", "rollup_hour_differs", "latest_value_differs",
    },
    f"UPDATE events SET content_hash = content_hash + 1 {OF_ONE}": {
        "row_changed", "row_differs_from_document", "row_differs_from_line",
    },
    f"UPDATE events SET payload = '{{\"level\": 7}}' {OF_ONE}": {
        "row_changed", "rollup_minute_differs", "rollup_hour_differs", "latest_value_differs",
    },
    f'UPDATE events SET "offset" = 1000000 {OF_ONE}': {"row_ahead_of_progress", "ledger_differs"},
    "DELETE FROM dead_letter": {"letter_missing"},
    "UPDATE dead_letter SET line = 7": {"letter_missing", "letter_without_line"},
    f"UPDATE rollup_minute SET sum = sum + 1e-6 {OF_ONE}": {"rollup_minute_differs"},
    f"UPDATE rollup_hour SET count = count + 1 {OF_ONE}": {"rollup_hour_differs"},
    f"DELETE FROM rollup_hour {OF_ONE}": {"rollup_hour_differs"},
    f"UPDATE latest_value SET value = 3 {OF_ONE}": {"latest_value_differs"},
    f"UPDATE source_statistics SET duplicate = duplicate + 1 {OF_ONE}": {"statistics_differ"},
    "UPDATE progress SET events = events + 1 WHERE (topic_id, partition) IN"
    f" (SELECT topic_id, partition FROM events {OF_ONE})": {"progress_differs"},
}  # fmt: skip


@pytest.mark.usefixtures("settled")
def test_each_change_in_postgresql_is_named() -> None:
    for statement, kinds in CHANGES.items():
        with undone():
            execute(statement)

            report = reconcile.run()

        assert set(report.kinds) == kinds, statement
        assert {difference["sourceId"] for difference in report.differences} <= {"sensor-2", None}
    assert agreed(reconcile.run())


@pytest.mark.usefixtures("settled")
def test_wrong_ledger_count_is_named_with_its_minute() -> None:
    execute("UPDATE ledger_minute SET read = read + 2 WHERE source_id = 'sensor-2'")

    report = reconcile.run()

    assert set(report.kinds) == {"ledger_differs", "statistics_differ", "unaccounted"}
    [named] = [difference for difference in report.differences if difference["kind"] == "ledger_differs"]
    assert named["ledger"] == {"read": 4, "stored": 1, "duplicate": 0, "deadLettered": 1, "dropped": 0}
    assert named["recounted"] == {"read": 2, "stored": 1, "duplicate": 0, "deadLettered": 1, "dropped": 0}
    assert "minute" in named


@pytest.mark.usefixtures("settled")
def test_a_document_that_is_gone_or_changed_is_named() -> None:
    event = Event.objects.get(source_id="sensor-2")
    collection = documents.database()["events"]
    key = document_id(event.id, "sensor-2")

    collection.update_one({"_id": key}, {"$inc": {"hash": 1}})
    changed = reconcile.run()
    collection.update_one({"_id": key}, {"$inc": {"hash": -1}, "$set": {"payload.level": 7}})
    other = reconcile.run()
    collection.update_one({"_id": key}, {"$set": {"payload.level": ObjectId()}})
    no_json = reconcile.run()
    collection.delete_one({"_id": key})
    gone = reconcile.run()

    place = {"partition": event.partition, "offset": event.offset, "line": 0}
    named = {"sourceId": "sensor-2", "eventId": ID, **place}
    assert changed.kinds == {"row_differs_from_document": 1}
    assert changed.differences[0].items() >= named.items()
    assert other.differences == no_json.differences == [{"kind": "document_changed", **named}]
    assert gone.differences == [{"kind": "row_without_document", **named}]


@pytest.mark.usefixtures("settled")
def test_a_document_that_kafka_and_rows_know_nothing_of_is_named() -> None:
    collection = documents.database()["events"]
    document = collection.find_one({"source": "sensor-1"})
    assert document is not None
    stray = UUID("0190163d-8694-739b-aea5-966c26f8ad92")

    collection.insert_one({**document, "_id": document_id(stray, "sensor-1")})
    report = reconcile.run()

    assert report.kinds == {"document_without_row": 1}
    assert (report.differences[0]["sourceId"], report.differences[0]["eventId"]) == ("sensor-1", str(stray))


def test_events_in_flight_are_no_difference(site: Deployment, ingest: ProductProcess) -> None:
    consumer = site.start_consumer()
    post(ingest.url, readings("sensor-1", 40))
    site.wait_for(lambda: was_read("sensor-1", 40))
    consumer.stop()
    post(ingest.url, readings("sensor-1", 20, start=40))
    # As a consumer that was killed between the documents and the rows.
    written = write_documents_in_flight()

    report = reconcile.run()

    assert agreed(report)
    assert not report.in_flight_estimated
    assert report.equation["inFlight"] == 20  # by the header of their record; the one before had 40
    assert written == 20
    assert report.recounted["mongodb"] == {"documents": 40, "inFlight": 20}


def test_garbage_repetitions_and_conflicts_agree(site: Deployment, ingest: ProductProcess) -> None:
    site.start_consumer()
    factories.put_all(site.raw_topic, GARBAGE, partition=1)
    # Twice and in conflict within one request, and once more in the next.
    other = {**ONE, "timestamp": "2026-03-02T12:00:00Z"}
    post(ingest.url, [ONE, ONE, other, {**ONE, "payload": {"level": 1.0}}])
    post(ingest.url, [other, ONE])
    site.wait_for(lambda: was_read("sensor-2", 6) and was_read("sensor-3", 2))
    site.wait_for(lambda: DeadLetter.objects.count() == 8)

    report = reconcile.run()

    assert agreed(report)
    assert report.recounted["kafka"] == {
        "records": report.recounted["kafka"]["records"],
        "read": 13,
        "stored": 2,
        "duplicate": 3,
        "deadLettered": 8,
        "dropped": 0,
        "lost": 0,
    }
    assert None in {source["sourceId"] for source in report.sources}


def test_it_agrees_while_the_consumer_works(site: Deployment, ingest: ProductProcess) -> None:
    site.start_consumer()
    enough = threading.Event()
    sender = threading.Thread(target=send_until, args=(ingest.url, enough))
    sender.start()
    try:
        site.wait_for(lambda: Event.objects.count() > 1_000)
        reports = [reconcile.run() for _ in range(2)]
    finally:
        enough.set()
        sender.join()

    assert all(agreed(report) for report in reports)
    first, last = reports
    assert last.equation["stored"] > first.equation["stored"] > 1_000


def send_until(url: str, enough: threading.Event) -> None:
    start = 0
    # With pauses, or other tests have little of the machine.
    while not enough.wait(0.05):
        post(url, readings(f"sensor-{start // 100 % 7}", 100, start=start % 3_000))
        start += 100


def test_what_is_older_than_the_topic_is_carried_not_proven(site: Deployment, ingest: ProductProcess) -> None:
    site.start_consumer()
    post(ingest.url, readings("sensor-1", 40))
    post(ingest.url, ONE)
    site.wait_for(lambda: was_read("sensor-1", 40) and was_read("sensor-2", 1))
    partition = Event.objects.filter(source_id="sensor-1")[0].partition
    [done] = Progress.objects.filter(partition=partition)

    site.remove_raw_records(before={partition: done.next_offset})
    post(ingest.url, readings("sensor-1", 60))
    site.wait_for(lambda: was_read("sensor-1", 100))
    report = reconcile.run()

    assert agreed(report)
    assert report.equation["duplicate"] == 40
    assert report.recounted["postgresql"]["carried"] >= 40
    [stretch] = [stretch for stretch in report.proven if stretch["partition"] == partition]
    assert (stretch["first"], stretch["whole"]) == (done.next_offset, False)
    assert stretch["since"] is not None
    shown = f"{done.next_offset}..{done.next_offset}, received from {stretch['since']}; what is older"
    assert shown in report_text.render(report)


def test_records_removed_unread_are_named_until_they_are_a_gap(site: Deployment) -> None:
    factories.put_all(site.raw_topic, [b"{}"] * 10, partition=2)
    site.remove_raw_records(before={2: 5})
    assert agreed(reconcile.run())  # no consumer ever was

    consumer = site.start_consumer()
    site.wait_for(lambda: Progress.objects.count() == 6 and expectations.caught_up(site))
    consumer.stop()
    factories.put_all(site.raw_topic, [b"{}"] * 30, partition=1)
    site.remove_raw_records(before={1: 20})
    placed = reconcile.run()
    Progress.objects.filter(partition=1).delete()
    unplaced = reconcile.run()
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site))

    place = {"partition": 1, "offset": 0, "records": 20}
    named = {"kind": "removed_unread", "sourceId": None, "eventId": None, **place}
    assert placed.differences == unplaced.differences == [named]
    assert agreed(reconcile.run())


@pytest.mark.usefixtures("site")
def test_large_documents_are_read_a_few_at_a_time() -> None:
    documents.database()["events"].insert_many({"_id": number, "payload": "x" * 2**20} for number in range(20))
    store = DocumentStore()

    chunks = [[document["_id"] for document in chunk] for chunk in store.stream({})]

    store.close()
    assert sorted(number for chunk in chunks for number in chunk) == list(range(20))
    assert len(chunks) > 1


def test_fields_past_a_sources_cap_do_not_count(site: Deployment, ingest: ProductProcess) -> None:
    site.start_consumer({"DATAFLOW_MAX_FIELDS_PER_SOURCE": "2"})
    post(ingest.url, {**ONE, "payload": {"a": 1, "b": 2, "c": 3}})
    site.wait_for(lambda: was_read("sensor-2", 1))

    assert SourceStatistics.objects.get().fields_capped
    assert agreed(reconcile.run())


def test_what_is_past_a_sources_budget_of_rollups_is_stored_and_reconciles(
    site: Deployment, ingest: ProductProcess
) -> None:
    site.start_consumer({"DATAFLOW_ROLLUP_ROWS_PER_MINUTE": "4"})
    events = [
        {"sourceId": "wide", "timestamp": f"2026-03-01T12:{minute:02}:00Z", "payload": {"a": minute, "b": 2}}
        for minute in range(10)
    ]
    post(ingest.url, events)
    site.wait_for(lambda: was_read("wide", 10))

    # Stored, said, and agreed on: also where they come again, and once rows are restored and hours computed anew.
    assert Event.objects.count() == 10
    assert RollupMinute.objects.count() <= 8  # of two minutes of receipt at most
    assert Event.objects.filter(rollup_cut=True).count() == 10 - RollupMinute.objects.count() / 2
    assert SourceStatistics.objects.get().rollups_cut_at is not None
    assert agreed(reconcile.run())
    post(ingest.url, events)
    site.wait_for(lambda: was_read("wide", 20))
    assert agreed(reconcile.run())
    Event.objects.filter(payload__a=9).delete()
    Event.objects.filter(payload__a=0).delete()
    call_command("rebuild_rows", stdout=StringIO())
    assert Event.objects.count() == 10
    assert agreed(reconcile.run())


@pytest.mark.usefixtures("settled")
def test_exit_code_and_json_report_differences() -> None:
    out = StringIO()
    call_command("reconcile", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert found["ok"] is True
    assert found["equation"]["accepted"] == 42
    assert set(found) >= {"recounted", "differences", "proven", "sources"}

    execute("DELETE FROM dead_letter")
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", "--json", stdout=out)

    assert ended.value.code == 1
    found = json.loads(out.getvalue())
    assert found["ok"] is False
    assert [(each["kind"], each["sourceId"], each["eventId"]) for each in found["differences"]] == [
        ("letter_missing", "sensor-2", ID)
    ]


@pytest.mark.usefixtures("settled")
def test_reconcile_can_cover_one_source() -> None:
    execute("DELETE FROM dead_letter")
    out = StringIO()

    call_command("reconcile", "--source", "sensor-1", stdout=out)

    text = out.getvalue()
    assert "Compared: sensor-1" in text
    assert "All agree" in text
    assert "sensor-2" not in text


@pytest.mark.faults
def test_reconcile_fails_without_a_store(settled: Deployment) -> None:
    settled.servers.mongo.stop()

    with pytest.raises(CommandError, match=r"^Can't tell: MongoDB: [^\n]+$") as refused:
        call_command("reconcile")
    assert refused.value.returncode == 2

    connections.close_all()
    settled.servers.postgres.stop()

    with pytest.raises(CommandError, match=r"^Can't tell: PostgreSQL: [^\n]+$") as refused:
        call_command("reconcile")
    assert refused.value.returncode == 2


def test_every_kind_of_difference_has_its_meaning() -> None:
    assert set(differences.MEANINGS) == {*recount_sql.DIFFERENCES, "removed_unread", "progress_differs"}
