"""Events sent over gRPC, and over HTTP once more, are in both stores once and accounted for."""

from __future__ import annotations

import pytest

from deploy.testing.deployment import Deployment
from ingestion.tests import client
from ingestion.tests.grpc_client import Client, numbered
from processing.models import Event, SourceStatistics
from processing.recovery.reconcile import reconcile, report_text
from processing.stores.mongodb import documents

pytestmark = pytest.mark.services


def test_events_of_both_receivers_are_one_row_and_one_document_each(site: Deployment) -> None:
    ingest = site.start_ingest()
    site.start_consumer()
    grpc = Client(site.start_grpc().port)
    site.wait_for(lambda: client.call(ingest.url, "GET", "/readyz").status == 200, 20)

    with grpc.channel:
        assert grpc.batch(numbered(100, "both")).accepted == 100
        streamed = [reply.outcome.accepted for reply in grpc.stream(iter([numbered(50, "streamed")] * 2))]
    assert client.post(ingest.url, client.numbered(100, "both")).status == 202

    site.wait_for(lambda: sum(SourceStatistics.objects.values_list("read", flat=True)) == 300)
    totals = SourceStatistics.objects.order_by("source_id").values_list("stored", "duplicate", "dead_lettered")
    assert streamed == [50, 50]
    assert list(totals) == [(100, 100, 0), (50, 50, 0)]
    assert sorted(event.payload["n"] for event in Event.objects.filter(source_id="both")) == list(range(100))
    for event in Event.objects.all():
        document = documents.find_document(source=event.source_id, event_id=event.id)
        assert document is not None
        assert document["payload"] == event.payload
    report = reconcile.run()
    assert report.ok, report_text.render(report)
    assert report.equation["unaccounted"] == 0
