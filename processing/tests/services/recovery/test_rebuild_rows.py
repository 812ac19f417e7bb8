"""Rows that PostgreSQL lost are restored from MongoDB, with their rollups."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from deploy.local import processes
from deploy.testing.deployment import Deployment
from processing.models import Event, LedgerMinute, SourceStatistics, StaleHour
from processing.tests import expectations
from processing.tests.kill_rounds import KillRounds, consume_the_rest, send_round

pytestmark = pytest.mark.services

TABLES = (
    "events", "rollup_minute", "rollup_hour", "latest_value", "source_statistics", "ledger_minute", "progress",
    "dead_letter", "topic", "source", "stale_hour",
)  # fmt: skip


@pytest.fixture(name="rounds", scope="module")
def _rounds(module_site: Deployment) -> KillRounds:
    """Events of several sources and two months, with a duplicate, a conflict and garbage; all stored."""
    rounds = KillRounds(module_site, module_site.start_ingest().url)
    send_round(rounds)
    consume_the_rest(rounds)
    return rounds


def rebuild(*arguments: str) -> dict[str, object]:
    out = StringIO()
    call_command("rebuild_rows", "--json", *arguments, stdout=out)
    found: dict[str, object] = json.loads(out.getvalue())
    return found


def execute(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


def test_the_lost_rows_of_a_month_come_back_with_their_sums(rounds: KillRounds) -> None:
    lost = execute("DELETE FROM events WHERE ts < '2026-02-01'")
    assert 0 < lost < 300

    tried = rebuild("--from", "2026-01-01", "--to", "2026-02-01", "--dry-run")
    found = rebuild("--from", "2026-01-01", "--to", "2026-02-01")
    again = rebuild("--from", "2026-01-01", "--to", "2026-02-01")

    assert (tried["rows"], found["rows"], again["rows"]) == (lost, lost, 0)
    assert (found["accounted"], found["damaged"]) == (0, 0)
    expectations.assert_exact(rounds.site, rounds.expected)


def test_a_dropped_partition_of_the_table_comes_back(rounds: KillRounds) -> None:
    lost = Event.objects.filter(ts__gte="2026-02-01T00:00Z").count()
    execute("DROP TABLE events_2026_02")
    execute("DELETE FROM rollup_hour WHERE start >= '2026-02-01'")

    found = rebuild()

    assert found["rows"] == lost > 0
    expectations.assert_exact(rounds.site, rounds.expected)


def test_the_rows_of_one_source_come_back_alone(rounds: KillRounds) -> None:
    lost = execute("DELETE FROM events WHERE source_id IN ('killed-1', 'killed-2')")

    first = rebuild("--source", "killed-1")
    rest = rebuild("--source", "killed-2")

    assert (first["documents"], rest["documents"]) == (first["rows"], rest["rows"])
    assert [first["rows"], rest["rows"]] == [43, lost - 43]
    expectations.assert_exact(rounds.site, rounds.expected)


@pytest.mark.faults
def test_what_a_kill_interrupted_is_finished_by_the_next_run(rounds: KillRounds) -> None:
    execute("DELETE FROM events")

    # As one that is killed between the rows and the sums, and one that is killed whenever.
    stale_only(rounds.site)
    assert StaleHour.objects.exists()
    execute("DELETE FROM events WHERE source_id = 'killed-3'")
    killed(rounds.site)
    rebuild()

    assert not StaleHour.objects.exists()
    expectations.assert_exact(rounds.site, rounds.expected)


def stale_only(site: Deployment) -> None:
    run(
        site,
        "import sys; from processing.recovery.rebuild import refresh_rollups\n"
        "refresh_rollups.refresh = lambda *a, **k: sys.exit(9)",
    )


def killed(site: Deployment) -> None:
    run(
        site,
        "import os, signal; from processing.recovery.rebuild.row_writer import RowWriter; insert = RowWriter.insert\n"
        "def once(self, *a, **k): insert(self, *a, **k); os.kill(os.getpid(), signal.SIGKILL)\n"
        "RowWriter.insert = once",
        code=-signal.SIGKILL,
    )


def run(site: Deployment, damage: str, *, code: int = 9) -> None:
    """Run the command in a process of its own that ends early."""
    script = f"import django; django.setup()\n{damage}\nfrom django.core.management import call_command\ncall_command('rebuild_rows')"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=processes.ROOT,
        env={**site.env, "DJANGO_SETTINGS_MODULE": "dataflow_site.settings"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == code, ended.stderr


def test_lost_postgresql_is_rebuilt_from_documents_and_kafka(rounds: KillRounds) -> None:
    [partition, kept] = max(expectations.progress(rounds.site).items(), key=lambda item: item[1])
    older = Event.objects.filter(partition=partition, offset__lt=kept - 1).count()
    rounds.site.remove_raw_records(before={partition: kept - 1})
    execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")

    found = rebuild()
    assert (found["rows"], found["accounted"]) == (older, older)
    assert found["left"] == 300 - older
    consume_the_rest(rounds)

    assert rebuild()["rows"] == 0
    assert expectations.differences() == []
    assert expectations.difference(expectations.rows(rounds.site), contents(rounds)) == {}
    assert sum(SourceStatistics.objects.values_list("stored", flat=True)) == 300
    assert sum(LedgerMinute.objects.values_list("stored", flat=True)) == 300


def contents(rounds: KillRounds) -> dict[expectations.Identity, expectations.Content]:
    return {identity: (event.ts, event.payload) for identity, event in rounds.expected.events.items()}
