"""reconcile can repair what it finds: events from where they still are, accounts and sums from what was counted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from deploy.local import processes
from deploy.testing.deployment import Deployment
from processing.events.document_ids import document_id
from processing.models import DeadLetter, Event
from processing.stores.mongodb import documents
from processing.tests import expectations
from processing.tests.kill_rounds import KillRounds, consume_the_rest, send_round

pytestmark = pytest.mark.services

ONE = "source_id = 'killed-3'"


@pytest.fixture(name="rounds", scope="module")
def _rounds(module_site: Deployment) -> Iterator[KillRounds]:
    rounds = KillRounds(module_site, module_site.start_ingest().url)
    send_round(rounds)
    consume_the_rest(rounds)
    yield rounds
    rounds.redrive._outlet.close()


def reconcile(*arguments: str, code: int = 0) -> dict[str, Any]:
    out = StringIO()
    try:
        call_command("reconcile", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        found = ended.code
    else:
        found = 0
    report: dict[str, Any] = json.loads(out.getvalue())
    assert found == code, report
    return report


def execute(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


ROLLUPS_AND_COUNTS = {
    "UPDATE rollup_minute SET sum = sum + 1, first = 7 WHERE " + ONE: {"hours"},
    "DELETE FROM rollup_hour WHERE " + ONE: {"hours", "latestValues"},
    "INSERT INTO rollup_minute SELECT source_id, field, start - interval '5 days', count, sum, min, max, first,"
    f" first_ts, first_id, last, last_ts, last_id FROM rollup_minute WHERE {ONE}": {"hours"},
    f"UPDATE latest_value SET value = 7 WHERE {ONE}": {"latestValues"},
    f"DELETE FROM latest_value WHERE {ONE}": {"latestValues"},
    f"UPDATE ledger_minute SET read = read + 7, stored = stored + 3 WHERE {ONE}": {"ledgerMinutes", "statistics"},
    f"DELETE FROM ledger_minute WHERE {ONE}": {"ledgerMinutes", "statistics"},
    f"UPDATE source_statistics SET duplicate = 7, dropped = 1 WHERE {ONE}": {"statistics"},
    f"DELETE FROM source_statistics WHERE {ONE}": {"statistics"},
    "UPDATE progress SET events = events + 7, records = records - 1 WHERE events > 0": {"partitions"},
}


# The other way to damage each of their tables stays.
MORE_OF_A_TABLE = (
    f"UPDATE latest_value SET value = 7 WHERE {ONE}",
    f"DELETE FROM ledger_minute WHERE {ONE}",
    f"UPDATE source_statistics SET duplicate = 7, dropped = 1 WHERE {ONE}",
)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(damage, marks=pytest.mark.thorough) if damage in MORE_OF_A_TABLE else damage
        for damage in ROLLUPS_AND_COUNTS
    ],
)
def test_sums_and_accounts_are_corrected_from_what_was_counted(rounds: KillRounds, damage: str) -> None:
    assert execute(damage)

    report = reconcile("--repair")

    assert set(report["repaired"]) >= ROLLUPS_AND_COUNTS[damage] - {"latestValues"}
    assert not set(report["repaired"]) & {"eventsFromKafka", "rowsFromDocuments", "documentsDiscarded"}
    expectations.assert_exact(rounds.site, rounds.expected)


def test_a_dry_run_says_what_the_repair_then_does(rounds: KillRounds) -> None:
    execute(f"UPDATE rollup_minute SET sum = sum + 1 WHERE {ONE}")
    execute(f"UPDATE source_statistics SET duplicate = 7 WHERE {ONE}")
    documents.database()["events"].delete_many({"source": "killed-2"})

    tried = reconcile("--repair", "--dry-run", code=1)
    report = reconcile("--repair")

    assert tried["repaired"] == report["repaired"]
    assert set(report["repaired"]) == {"hours", "statistics", "documentsFromKafka"}
    expectations.assert_exact(rounds.site, rounds.expected)


def test_rows_that_are_gone_or_changed_are_made_from_documents_or_kafka(rounds: KillRounds) -> None:
    execute(f"DELETE FROM events WHERE {ONE} AND ts < '2026-01-15'")
    execute("UPDATE events SET payload = '{\"n\": 1}' WHERE source_id = 'killed-4'")
    execute("UPDATE events SET content_hash = 5 WHERE source_id = 'killed-5' AND ts < '2026-01-10'")
    lost = Event.objects.filter(source_id="killed-6")
    keys = [document_id(id_, "killed-6") for id_ in lost.values_list("id", flat=True)]
    documents.database()["events"].delete_many({"_id": {"$in": keys}})
    execute("DELETE FROM events WHERE source_id = 'killed-6'")

    tried = reconcile("--repair", "--dry-run", code=1)
    report = reconcile("--repair")

    assert tried["repaired"]["eventsFromKafka"] == report["repaired"]["eventsFromKafka"] == len(keys)
    assert report["repaired"]["rowsFromDocuments"] > 0
    expectations.assert_exact(rounds.site, rounds.expected)


def test_documents_that_are_gone_or_changed_or_strangers_are_put_right(rounds: KillRounds) -> None:
    collection = documents.database()["events"]
    some = collection.find_one({"source": "killed-1"})
    assert some is not None
    collection.delete_many({"source": "killed-2"})
    collection.update_many({"source": "killed-3"}, {"$inc": {"hash": 1}})
    collection.update_many({"source": "killed-4"}, {"$set": {"payload.changed": 1}})
    stray = UUID("0190163d-8694-739b-aea5-966c26f8ad92")
    collection.insert_one({**some, "_id": document_id(stray, "killed-1")})

    report = reconcile("--repair")

    replaced = len(of(rounds, "killed-3")) + len(of(rounds, "killed-4"))
    assert report["repaired"]["documentsDiscarded"] == 1 + replaced
    assert report["repaired"]["documentsFromKafka"] == len(of(rounds, "killed-2")) + replaced
    expectations.assert_exact(rounds.site, rounds.expected)


def test_what_was_changed_in_both_stores_comes_back_from_kafka(rounds: KillRounds) -> None:
    change_everywhere("killed-3")
    execute(f"DELETE FROM events WHERE {ONE} AND ts < '2026-01-15'")

    assert reconcile("--repair")["repaired"]["eventsFromKafka"] == len(of(rounds, "killed-3"))
    expectations.assert_exact(rounds.site, rounds.expected)


def change_everywhere(source: str) -> None:
    """Change the same field of a source's events in both stores."""
    documents.database()["events"].update_many({"source": source}, {"$set": {"payload.changed": 1}})
    execute(f"UPDATE events SET payload = payload || '{{\"changed\": 1}}' WHERE source_id = '{source}'")


def of(rounds: KillRounds, source: str) -> list[expectations.Identity]:
    return [identity for identity in rounds.expected.events if identity[0] == source]


def test_letters_that_are_gone_are_written_again(rounds: KillRounds) -> None:
    wanted = letters()
    DeadLetter.objects.all().delete()

    report = reconcile("--repair")

    assert report["repaired"] == {"lettersFromKafka": 2}
    assert letters() == wanted
    expectations.assert_exact(rounds.site, rounds.expected)


def letters() -> list[tuple[object, ...]]:
    fields = ("partition", "offset", "line", "raw", "reason", "detail", "pointer", "stage", "source_id", "event_id")
    return [
        (bytes(raw), *rest)
        for raw, *rest in DeadLetter.objects.order_by("partition", "offset").values_list(
            "raw", *fields[:3], *fields[4:]
        )
    ]


def test_a_leftover_of_a_refused_event_is_discarded_and_not_stored(rounds: KillRounds) -> None:
    collection = documents.database()["events"]
    letter = DeadLetter.objects.get(reason="id_conflict")
    some = collection.find_one({"source": letter.source_id})
    assert some is not None
    place = {"partition": letter.partition, "offset": letter.offset, "line": letter.line}
    other = UUID("0190163d-8694-739b-aea5-966c26f8ad93")
    collection.insert_one({**some, **place, "_id": document_id(other, letter.source_id)})

    assert reconcile("--repair")["repaired"] == {"documentsDiscarded": 1}
    expectations.assert_exact(rounds.site, rounds.expected)


def test_one_source_and_one_time_can_be_judged_alone(rounds: KillRounds) -> None:
    execute(f"UPDATE ledger_minute SET read = read + 1 WHERE {ONE}")
    hours = "UPDATE rollup_hour SET sum = sum + {} WHERE source_id = 'killed-4'"
    execute(hours.format(1))

    assert reconcile("--source", "killed-1")["ok"]
    assert set(reconcile("--source", "killed-4", code=1)["kinds"]) == {"rollup_hour_differs"}
    named = reconcile("--source", "killed-3", code=1)
    assert set(named["kinds"]) == {"ledger_differs", "statistics_differ", "unaccounted"}
    assert (named["equation"]["unaccounted"], named["judged"]["sourceId"]) == (1, "killed-3")
    before = reconcile("--to", "2026-01-01")
    assert (before["equation"]["accepted"], before["recounted"]["postgresql"]["rows"]) == (0, 0)
    since = reconcile("--from", "2026-01-01T00:00:00Z", code=1)
    assert set(since["kinds"]) == {"rollup_hour_differs", "ledger_differs", "unaccounted"}
    assert since["recounted"]["kafka"]["read"] == 303
    assert since["recounted"]["mongodb"] == {"documents": 300, "inFlight": 0}

    assert set(reconcile("--repair", "--source", "killed-4")["repaired"]) == {"hours", "ledgerMinutes", "statistics"}
    assert reconcile()["ok"]
    expectations.assert_exact(rounds.site, rounds.expected)


def test_a_repair_mends_everything_and_judges_what_it_is_asked_about(rounds: KillRounds) -> None:
    execute("UPDATE events SET payload = '{\"n\": 1}' WHERE source_id = 'killed-4'")

    other = reconcile("--repair", "--dry-run", "--source", "killed-3")
    same = reconcile("--repair", "--dry-run", "--source", "killed-4", code=1)
    reconcile("--repair", "--source", "killed-3")

    assert other["judged"]["sourceId"] == "killed-3"
    assert other["repaired"] == same["repaired"]
    assert reconcile()["ok"]
    expectations.assert_exact(rounds.site, rounds.expected)


@pytest.mark.parametrize("wrong", [["--dry-run"], ["--from", "yesterday"]])
def test_wrong_arguments_are_told(wrong: list[str]) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("reconcile", *wrong)

    assert "\n" not in str(refused.value)


# The progress at which a command is told to end, and what it has to repair.
BULK = {
    ("rebuild_rows",): ("hours of sources", f"DELETE FROM events WHERE {ONE}"),
    ("rebuild_documents",): ("documents from Kafka", ""),
    ("reconcile",): ("rows counted", ""),
    ("reconcile", "--repair"): ("documents from Kafka", f"DELETE FROM rollup_hour WHERE {ONE}"),
}


@pytest.mark.parametrize(
    "command",
    [
        command if number == 0 else pytest.param(command, marks=pytest.mark.faults)
        for number, command in enumerate(BULK)
    ],
)
def test_interrupted_command_ends_in_order_and_can_be_repeated(rounds: KillRounds, command: tuple[str, ...]) -> None:
    moment, damage = BULK[command]
    if moment == "documents from Kafka":
        documents.database()["events"].delete_many({"source": "killed-2"})
    if damage:
        execute(damage)

    told = told_to_end(rounds.site, command, moment=moment)

    assert told.returncode == 1, told.stderr
    assert told.stderr.splitlines() == [told.stderr.strip()]
    assert "Stopped" in told.stderr
    call_command(*command, stdout=StringIO())
    expectations.assert_exact(rounds.site, rounds.expected)


def told_to_end(site: Deployment, command: tuple[str, ...], *, moment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own that sends itself SIGTERM at its first report of such progress."""
    script = (
        "import os, signal, sys\n"
        "from django.core.management import execute_from_command_line\n"
        "from processing.commandline.progress import Progress\n"
        "reached, moment = Progress.advance, sys.argv.pop(1)\n"
        "def reported(self, what, *numbers):\n"
        "    if what == moment: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    reached(self, what, *numbers)\n"
        "Progress.advance = reported\n"
        "execute_from_command_line(['manage.py', *sys.argv[1:]])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, moment, *command],
        cwd=processes.ROOT, env={**site.env, "DJANGO_SETTINGS_MODULE": "dataflow_site.settings"}, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_row_is_not_discarded_for_a_document_that_was_changed_too(rounds: KillRounds) -> None:
    every = {partition: end for partition, end in expectations.progress(rounds.site).items() if end}
    rounds.site.remove_raw_records(before=every)
    change_everywhere("killed-3")

    report = reconcile("--repair", code=1)
    documents.database()["events"].update_many({"source": "killed-3"}, {"$unset": {"payload.changed": 1}})
    repaired = reconcile("--repair")

    count = len(of(rounds, "killed-3"))
    assert report["kinds"] == {"row_changed": count, "document_changed": count}
    assert (repaired["repaired"]["rowsDiscarded"], repaired["repaired"]["rowsFromDocuments"]) == (count, count)
    expectations.assert_exact(rounds.site, rounds.expected)


def test_an_event_that_no_store_has_any_more_stays_a_difference(rounds: KillRounds) -> None:
    [partition, end] = max(expectations.progress(rounds.site).items(), key=lambda item: item[1])
    rounds.site.remove_raw_records(before={partition: end})
    event = Event.objects.filter(partition=partition)[0]
    assert reconcile()["ok"]
    documents.database()["events"].delete_one({"_id": document_id(event.id, event.source_id)})
    event_row = Event.objects.filter(id=event.id)

    # From its row the document comes back; without both, nothing does.
    assert reconcile("--repair", "--dry-run", code=1)["repaired"] == {"documentsFromRows": 1}
    assert reconcile("--repair")["repaired"] == {"documentsFromRows": 1}
    documents.database()["events"].delete_one({"_id": document_id(event.id, event.source_id)})
    event_row.delete()
    report = reconcile("--repair", code=1)

    assert set(report["kinds"]) == {"ledger_differs"}
