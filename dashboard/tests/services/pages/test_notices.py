"""The notices of the overview, and the ledger in words."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from redis import Redis

from dashboard.tests.services.pages.test_pages import text_of
from deploy.testing.deployment import Deployment
from ingestion.acceptance import rejection_counts
from processing.models import Hold, Incident, LedgerMinute, Topic

services = pytest.mark.services
SINCE = datetime(2026, 3, 1, 12, tzinfo=UTC)


@services
def test_incidents_and_held_partitions_stand_on_the_overview_while_they_last(client: Client, site: Deployment) -> None:
    topic = Topic.objects.create(kafka_id="00000000-0000-0000-0000-000000000007", name="raw")
    Hold.objects.create(topic=topic, partition=3, since=SINCE, reason="200 dead letters in a row")
    for kind, subject, detail in (("breaker", "raw/3", "held"), ("disk", "PostgreSQL", "91 % of its volume is used")):
        Incident.objects.create(kind=kind, subject=subject, detail=detail, since=SINCE, last_seen=SINCE)

    text = text_of(client, "/")
    Incident.objects.update(until=SINCE)
    Hold.objects.update(released_at=SINCE)
    cache.clear()
    site.wait_for(lambda: "held" not in text_of(client, "/"), 10)
    after = text_of(client, "/")

    assert "raw, partition 3 is held. 200 dead letters in a row." in text
    assert "Since 2026-03-01 12:00:00" in text
    assert "then resume by: manage.py partitions resume raw 3." in text
    assert "A volume fills up: PostgreSQL. 91 % of its volume is used" in text
    assert text.count("held. ") == 1
    assert "held" not in after
    assert "fills up" not in after


@services
def test_an_outage_is_said_on_the_overview_and_forgotten_when_it_is_over(client: Client, site: Deployment) -> None:
    site.servers.postgres.stop()
    began = time.monotonic()
    during = text_of(client, "/")
    seconds = time.monotonic() - began
    site.servers.postgres.start()

    assert "PostgreSQL does not answer. Events are accepted and wait in Kafka" in during
    assert seconds < 6
    site.wait_for(lambda: "does not answer" not in text_of(client, "/"), 10)


@services
def test_the_last_minutes_stand_in_a_table_with_what_the_receivers_refused(client: Client, site: Deployment) -> None:
    minute = datetime.now(tz=UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    for source in ("a", "b"):
        LedgerMinute.objects.create(
            source_id=source, minute=minute, partition=0, read=1000, stored=990, dead_lettered=8, duplicate=2
        )
    at = int(minute.timestamp())
    with Redis.from_url(f"redis://{settings.REDIS_ADDR}") as redis:
        redis.hset(rejection_counts.key(at), f"{at} not_json x", 7)

    text = text_of(client, "/pipeline/")

    with Redis.from_url(f"redis://{settings.REDIS_ADDR}") as redis:
        redis.delete(rejection_counts.key(at))
    assert f"{minute:%H:%M}:00 2,000 1,980 4 16 0 0 7" in text
