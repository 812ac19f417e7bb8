"""Points written by InfluxDB's own client are found in both stores, rolled up and accounted for."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write import point
from influxdb_client.client.write_api import SYNCHRONOUS

from deploy.testing.deployment import Deployment
from ingestion.models import Source
from processing.models import Event, RollupHour, SourceStatistics
from processing.recovery.reconcile import reconcile, report_text
from processing.stores.mongodb import documents

pytestmark = pytest.mark.services

Point: Any = point.Point  # the library has no types for it

BEGIN = 1_700_000_000_000_000_000  # nanoseconds
ID = "0190163d-8694-739b-aea5-966c26f8ad91"


def write(url: str, body: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("POST", "/api/v2/write", body.encode())
        return connection.getresponse().status
    finally:
        connection.close()


def settled(count: int) -> bool:
    """Whether the consumer has judged so many events."""
    return sum(SourceStatistics.objects.values_list("read", flat=True)) == count


def test_points_are_rows_documents_and_rollups_and_sent_again_they_are_duplicates(site: Deployment) -> None:
    ingest = site.start_ingest()
    site.start_consumer()
    points = [
        Point("cpu")
        .tag("host", "server 01")
        .tag("cpu", f"cpu{n % 2}")
        .field("usage", n + 0.5)
        .field("count", n)
        .field("note", 'a "quoted"\ntext')
        .time(BEGIN + n * 1_000_000_000)
        for n in range(100)
    ]

    with (
        InfluxDBClient(ingest.url, token="any", org="us") as influx,
        influx.write_api(write_options=SYNCHRONOUS) as api,
    ):
        for expected in (100, 200):
            api.write("site", record=points)
            site.wait_for(lambda expected=expected: settled(expected))  # type: ignore[misc]

    assert Event.objects.count() == 100
    totals = SourceStatistics.objects.values_list("stored", "duplicate", "dead_lettered")
    assert sorted(totals) == [(50, 50, 0), (50, 50, 0)]
    for event in Event.objects.all():
        assert event.payload == {
            "count": event.payload["count"],
            "note": 'a "quoted"\ntext',
            "usage": event.payload["count"] + 0.5,
        }
        document = documents.find_document(source=event.source_id, event_id=event.id)
        assert document is not None
        assert document["payload"] == event.payload
    sums = RollupHour.objects.filter(field="usage").values_list("sum", flat=True)
    assert sorted(sums) == [sum(n + 0.5 for n in range(0, 100, 2)), sum(n + 0.5 for n in range(1, 100, 2))]
    # The consumer may register a source before the receiver comes to write its labels.
    site.wait_for(lambda: [source.labels.get("host") for source in Source.objects.all()] == ["server 01"] * 2, 10)
    report = reconcile.run()
    assert report.ok, report_text.render(report)
    assert report.equation["unaccounted"] == 0


def test_a_line_without_a_time_is_a_duplicate_when_sent_again_only_if_it_has_an_id(site: Deployment) -> None:
    ingest = site.start_ingest()
    site.start_consumer()
    body = f'with-id f=1,eventId="{ID}"\nwithout f=1'

    for expected in (2, 4):
        assert write(ingest.url, body) == 204
        site.wait_for(lambda expected=expected: settled(expected))  # type: ignore[misc]

    outcomes = SourceStatistics.objects.order_by("source_id").values_list("source_id", "stored", "duplicate")
    assert list(outcomes) == [("with-id", 1, 1), ("without", 2, 0)]
    assert {tuple(event.payload.items()) for event in Event.objects.all()} == {(("f", 1),)}
    assert str(Event.objects.get(source_id="with-id").id) == ID
    assert reconcile.run().ok
