"""What needs an operator is an incident until it is fixed; nothing becomes a dead letter meanwhile."""

from __future__ import annotations

import pytest

from deploy.testing.deployment import Deployment
from processing.consumer import retry
from processing.ledger import incidents
from processing.models import Incident
from processing.tests import expectations, factories
from processing.tests.consumer_thread import running_loop
from processing.tests.factories import NOON, event_id, line
from processing.tests.reference_rollups import Sent

pytestmark = pytest.mark.services

EVENT = Sent("sensor-1", event_id(1), NOON, {"n": 1})


def test_a_missing_table_is_one_incident_until_it_is_back(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    factories.put(site.raw_topic, line(1, b'{"n":1}'))

    rename(site, "rollup_minute", "away")

    with running_loop() as loop:
        found = site.wait_for(lambda: list(Incident.objects.filter(until=None, count__gt=2)), 30)
        assert "UndefinedTable" in str(loop.state.waiting)
        rename(site, "away", "rollup_minute")
        site.wait_for(lambda: expectations.all_committed(site), 40)
        site.wait_for(lambda: not incidents.open_incidents().exists(), 30)

    assert [(one.kind, one.subject) for one in found] == [("operator", "PostgreSQL")]
    assert Incident.objects.count() == 1
    assert expectations.letters(site) == {}
    expectations.assert_stored(site, [EVENT])


def test_an_incident_that_a_process_left_open_is_closed_by_its_successor(site: Deployment) -> None:
    incidents.open_incident(Incident.Kind.OPERATOR, "MongoDB", "not authorised")
    incidents.open_incident(Incident.Kind.BREAKER, "raw-data/3", "200 events in a row became dead letters")
    factories.put(site.raw_topic, line(1, b'{"n":1}'))

    with running_loop():
        site.wait_for(lambda: expectations.all_committed(site), 40)
        site.wait_for(lambda: incidents.open_incidents().count() == 1, 30)

    assert [one.kind for one in incidents.open_incidents()] == ["breaker"]


def rename(site: Deployment, table: str, name: str) -> None:
    with site.servers.postgres.connect(site.name) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {name}".encode())
