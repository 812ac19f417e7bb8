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
BUSY, IDLE = 1, 2  # partitions


def put(site: Deployment, count: int, *, first: int, partition: int) -> None:
    factories.put_all(site.raw_topic, factories.good_lines(count, first=first), partition=partition)


def rows(site: Deployment) -> int:
    return len(expectations.rows(site))


def rollbacks() -> dict[str, str]:
    """The incidents, by the partition's number."""
    connections.close_all()
    close_pool()
    found = Incident.objects.filter(kind=Incident.Kind.ROLLBACK, until=None).values_list("subject", "detail")
    return {subject.rpartition("/")[2]: detail for subject, detail in found}


def test_what_a_failover_lost_is_stored_again_with_the_next_batch_or_without_one(site: Deployment) -> None:
    consumer = site.start_consumer()
    put(site, 10, first=0, partition=BUSY)
    site.wait_for(lambda: rows(site) == 10, WAIT)
    older = OlderDatabase(site)
    put(site, 100, first=10, partition=BUSY)
    put(site, 20, first=110, partition=IDLE)
    site.wait_for(lambda: rows(site) == 130, WAIT)

    older.take_over()
    put(site, 30, first=130, partition=BUSY)
    site.wait_for(lambda: rows(site) == 160, WAIT)

    assert expectations.totals(site) == {"sensor-1": (160, 160, 0, 0)}
    assert len(expectations.documents(site)) == 160
    assert expectations.differences() == []
    told = rollbacks()
    assert told.keys() == {str(BUSY), str(IDLE)}
    assert told[str(BUSY)].startswith("PostgreSQL has lost the effects of records 10 to 109,")
    assert told[str(IDLE)].startswith("PostgreSQL has lost the effects of records 0 to 19,")
    assert consumer.running
