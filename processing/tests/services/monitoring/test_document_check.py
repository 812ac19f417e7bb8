"""Documents that MongoDB has lost are noticed and restored while everything runs."""

from __future__ import annotations

import pytest
from django.db import connections

from deploy.testing.deployment import Deployment
from processing.models import Incident, Job
from processing.monitoring import document_check
from processing.stores.mongodb import documents
from processing.tests import expectations, factories

pytestmark = pytest.mark.services

WAIT = 30  # seconds


def put(site: Deployment, count: int, *, first: int = 0) -> None:
    before = len(expectations.rows(site))
    factories.put_all(site.raw_topic, factories.good_lines(count, first=first))
    site.wait_for(lambda: len(expectations.rows(site)) == before + count, WAIT)


def test_documents_that_mongodb_lost_are_found_by_a_sample_and_restored(site: Deployment) -> None:
    site.start_consumer({"DATAFLOW_CHECK_SECONDS": "1"})
    site.start_jobs()
    put(site, 10)
    put(site, 5, first=10)

    # As a rollback does, which undoes the last writes.
    documents.database()["events"].delete_many({"offset": {"$gte": 10}})
    site.wait_for(lambda: len(expectations.documents(site)) == 15, WAIT)

    site.wait_for(lambda: Job.objects.filter(kind="documents", state=Job.State.DONE).exists(), WAIT)
    detail = Incident.objects.get(kind=Incident.Kind.ROLLBACK, subject="MongoDB").detail
    assert "have lost their documents" in detail
    assert expectations.differences() == []


def test_a_loss_is_one_job_and_what_was_removed_from_both_stores_is_none(site: Deployment) -> None:
    consumer = site.start_consumer()
    put(site, 3)
    assert consumer.stop() == 0
    sample = document_check.newest(2)

    documents.database()["events"].delete_many({})

    assert (document_check.check(sample), document_check.check(sample)) == (2, 2)
    assert Job.objects.get().kind == "documents"
    assert Incident.objects.get().count == 2
    expectations.query(site, "DELETE FROM events RETURNING id")
    assert document_check.check(sample) == 0
    connections.close_all()
