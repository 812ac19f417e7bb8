"""The product's main path, recovery and its leases through PgBouncer in transaction mode."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta

import psutil
import pytest
from django.db import connection

from deploy.local.process import Process
from deploy.local.processes import ROOT
from deploy.testing import pgbouncer
from deploy.testing.deployment import Deployment
from processing.models import Event, StaleHour
from processing.recovery.rebuild import maintenance
from processing.stores.mongodb import documents
from processing.tests import expectations, factories
from processing.tests.commands import run_command, run_json
from processing.tests.consumer_thread import running_loop
from processing.tests.factories import line

pytestmark = [pytest.mark.services, pgbouncer.needs_pgbouncer]

EVENTS = 40


@pytest.fixture(name="environment", scope="module")
def _environment(module_site: Deployment) -> Iterator[dict[str, str]]:
    """Events of two partitions, one twice, one conflict and one line of garbage, stored through PgBouncer."""
    with pgbouncer.between(module_site) as environment:
        for partition in (0, 1):
            lines = [line(number, b'{"n":%d}' % number) for number in range(partition, EVENTS, 2)]
            for start in range(0, len(lines), 7):
                factories.put(module_site.raw_topic, *lines[start : start + 7], partition=partition)
        factories.put(module_site.raw_topic, line(2, b'{"n":2}'), line(4, b'{"n":"other"}'), b"\xff not an event")
        with running_loop():
            module_site.wait_for(lambda: expectations.caught_up(module_site), 30)
            module_site.wait_for(lambda: expectations.all_committed(module_site), 30)
        yield environment


@pytest.fixture(name="site")
def _site(module_site: Deployment, environment: dict[str, str]) -> Deployment:
    return module_site


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_what_a_consumer_stores_adds_up(site: Deployment) -> None:
    assert expectations.totals(site) == {"sensor-1": (42, 40, 1, 1), "": (1, 0, 0, 1)}
    assert run_json("reconcile")["ok"]


def test_what_is_lost_or_changed_is_repaired(site: Deployment) -> None:
    execute('DELETE FROM events WHERE ts = (SELECT min(ts) FROM events) AND "offset" < 2')
    execute("UPDATE rollup_minute SET sum = sum + 1")
    execute("DELETE FROM latest_value")
    execute("UPDATE ledger_minute SET read = read + 7")
    execute("UPDATE progress SET events = events + 7 WHERE events > 0")
    documents.database()["events"].update_many({"payload.n": {"$lt": 9}}, {"$set": {"payload.n": 8}})
    documents.database()["events"].delete_many({"payload.n": {"$gt": 30}})

    tried = run_command("reconcile", "--repair", "--dry-run", "--json", code=1)
    repaired = run_json("reconcile", "--repair")

    assert json.loads(tried.stdout)["repaired"].keys() <= set(repaired["repaired"])  # type: ignore[call-overload]
    assert repaired["ok"]
    assert run_json("reconcile")["ok"]


def test_rows_are_rebuilt_from_documents(site: Deployment) -> None:
    execute("DELETE FROM events")

    rebuilt = run_json("rebuild_rows")

    assert (rebuilt["rows"], rebuilt["hours"]) == (EVENTS, 1)
    assert run_json("reconcile")["ok"]


def test_a_second_command_does_not_start_beside_a_running_one(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "LENGTH", timedelta(seconds=1))
    with maintenance.session():
        refused = run_command("rebuild_rows", code=2)

    assert "another rebuild or repair is running" in refused.stderr
    assert run_json("rebuild_rows")["rows"] == 0


@pytest.mark.parametrize("where", ["between", pytest.param("within", marks=pytest.mark.faults)])
def test_a_command_that_was_frozen_past_its_lease_writes_nothing_afterwards(
    site: Deployment, environment: dict[str, str], where: str
) -> None:
    execute("DELETE FROM events")
    command = [sys.executable, "-m", "processing.tests.frozen_rebuild", where]
    settings = {**site.env, **environment, "DJANGO_SETTINGS_MODULE": "dataflow_site.settings"}
    frozen = Process(command, log=site.folder / f"{where}.log", env=settings, cwd=ROOT)
    site.wait_for(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED, 30)

    assert run_json("rebuild_rows")["rows"] == EVENTS
    execute("DELETE FROM events")
    frozen.thaw()
    code = site.wait_for(lambda: frozen.exit_code, 30)

    assert code == 1, frozen.log
    assert ("lease" in frozen.log) or ("PostgreSQL" in frozen.log)
    assert not Event.objects.exists()
    assert not StaleHour.objects.exists()
    run_json("rebuild_rows")
