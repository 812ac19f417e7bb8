"""What processes that run jobs show of the pipeline as a whole."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from deploy.testing.deployment import Deployment
from ingestion.models import FailingSource
from processing import metrics
from processing.jobs import queue
from processing.models import SourceStatistics
from processing.monitoring.state_gauges import Gauges
from processing.tests import factories

pytestmark = pytest.mark.services

GAUGES = {
    "unaccounted": metrics.UNACCOUNTED,
    "backlog": metrics.BACKLOG_SECONDS,
    "paused": metrics.PAUSED_SOURCES,
    "queued": metrics.JOBS.labels("queued"),
    "running": metrics.JOBS.labels("running"),
}


def refreshed(gauges: Gauges) -> dict[str, float]:
    gauges.refresh()
    return {name: gauge._value.get() for name, gauge in GAUGES.items()}


def test_an_event_without_an_outcome_a_job_and_a_source_that_is_set_aside_are_counted(site: Deployment) -> None:
    gauges, now = Gauges(), timezone.now()
    site.wait_for(lambda: not math.isnan(refreshed(gauges)["backlog"]))
    assert refreshed(gauges) == {"unaccounted": 0, "backlog": 0, "paused": 0, "queued": 0, "running": 0}

    SourceStatistics.objects.create(source_id="sensor-1", first_seen=now, last_seen=now, read=3, stored=1)
    queue.enqueue("count", {}, who="ann")
    FailingSource.objects.create(source_id="sensor-2", since=now, until=now + timedelta(hours=1), reason="many")
    FailingSource.objects.create(source_id="sensor-3", since=now, until=now - timedelta(hours=1), reason="many")

    assert refreshed(gauges) == {"unaccounted": 2, "backlog": 0, "paused": 1, "queued": 1, "running": 0}


def test_a_record_that_no_consumer_reads_waits_longer_and_longer(site: Deployment) -> None:
    gauges = Gauges()
    factories.put(site.raw_topic, factories.line(1, b'{"n": 1}'))

    site.wait_for(lambda: refreshed(gauges)["backlog"] > 0.5)


def test_without_postgresql_nothing_is_known_rather_than_what_was(site: Deployment) -> None:
    gauges = Gauges()
    assert refreshed(gauges)["unaccounted"] == 0

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE source_statistics RENAME TO away")
    try:
        assert all(map(math.isnan, refreshed(gauges).values()))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO source_statistics")
