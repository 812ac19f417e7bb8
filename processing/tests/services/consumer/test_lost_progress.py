"""PostgreSQL loses what it had committed while a consumer lives on: everything comes back, from Kafka, without an operator."""

from __future__ import annotations

import pytest
from django.db import connections

from deploy.testing.deployment import Deployment, close_pool
from processing.models import Incident
from processing.tests import expectations, factories
from processing.tests.older_database import OlderDatabase

pytestmark = pytest.mark.services

WAIT = 40  # seconds
PARTITION = 1


def put(site: Deployment, count: int, *, first: int) -> None:
    factories.put_all(site.raw_topic, factories.good_lines(count, first=first), partition=PARTITION)


def rows(site: Deployment) -> int:
    return len(expectations.rows(site))


def rollbacks() -> list[str]:
    connections.close_all()
    close_pool()
    return list(Incident.objects.filter(kind=Incident.Kind.ROLLBACK, until=None).values_list("detail", flat=True))


def assert_whole(site: Deployment, events: int) -> None:
    assert expectations.totals(site) == {"sensor-1": (events, events, 0, 0)}
    assert len(expectations.documents(site)) == events
    assert expectations.differences() == []


def test_what_a_failover_lost_is_stored_again_with_the_next_batch(site: Deployment) -> None:
    consumer = site.start_consumer()
    put(site, 10, first=0)
    site.wait_for(lambda: rows(site) == 10, WAIT)
    older = OlderDatabase(site)
    put(site, 100, first=10)
    site.wait_for(lambda: rows(site) == 110, WAIT)

    older.take_over()
    put(site, 30, first=110)
    site.wait_for(lambda: rows(site) == 140, WAIT)

    assert_whole(site, 140)
    [detail] = rollbacks()
    assert detail.startswith("PostgreSQL has lost the effects of records 10 to 109,")
    assert consumer.running


def test_what_a_failover_lost_is_stored_again_though_nothing_follows(site: Deployment) -> None:
    consumer = site.start_consumer()
    older = OlderDatabase(site)
    put(site, 20, first=0)
    site.wait_for(lambda: rows(site) == 20, WAIT)

    older.take_over()
    site.wait_for(lambda: rows(site) == 20, WAIT)

    assert_whole(site, 20)
    [detail] = rollbacks()
    assert detail.startswith("PostgreSQL has lost the effects of records 0 to 19,")
    assert consumer.running
