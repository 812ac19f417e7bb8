"""Warnings before a volume is full or unread records expire."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest
from django.db import connection
from django.test import override_settings
from kafka.admin import KafkaAdminClient
from kafka.errors import TopicAuthorizationFailedError

from deploy.testing.deployment import Deployment
from processing.models import Incident
from processing.monitoring import capacity
from processing.monitoring.volumes import VolumeGroups
from processing.stores.mongodb import documents
from processing.tests import kafka_readers
from processing.tests.factories import line, put

pytestmark = pytest.mark.services
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_kafka_client_stays() -> Iterator[None]:
    yield
    kafka_readers.close_all()


def opened(kind: Incident.Kind) -> list[str]:
    return sorted(Incident.objects.filter(kind=kind, until=None).values_list("subject", flat=True))


def unread_are_old(*, percent: float) -> bool:
    """Check again; return whether there is a warning of old records."""
    with override_settings(DATAFLOW_WARN_RETENTION_PERCENT=percent):
        capacity.check()
    return opened(Incident.Kind.RETENTION) != []


@pytest.fixture(autouse=True)
def _no_group_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "_groups", VolumeGroups())


def servers_volumes(path: Path) -> list[str]:
    """The names under which a folder's volume and that of the servers, which share one, are reported."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        [folder] = cursor.fetchone() or [""]
    return [str(path)] if Path(folder).stat().st_dev == path.stat().st_dev else [str(path), "PostgreSQL"]


def test_each_volume_is_warned_of_once_until_there_is_room(site: Deployment, tmp_path: Path) -> None:
    documents.database()["events"].insert_one({"_id": b"1"})
    # As an earlier release left it: one incident for each server.
    Incident.objects.create(kind="disk", subject="MongoDB", detail="", since=NOW, last_seen=NOW)

    with override_settings(DATAFLOW_WARN_DISK_PERCENT=0.000_001, DATAFLOW_VOLUMES=f"{tmp_path},/no/such/path"):
        capacity.check()
        capacity.check()
    full = opened(Incident.Kind.DISK)
    incidents = Incident.objects.filter(until=None)
    details = list(incidents.exclude(subject="Redis").values_list("detail", "count"))
    with override_settings(DATAFLOW_WARN_DISK_PERCENT=100.1, DATAFLOW_VOLUMES=str(tmp_path)):
        capacity.check()

    assert full == sorted([*servers_volumes(tmp_path), "Redis"])
    [shared] = [detail for detail, count in details if count == 2 and "PostgreSQL" in detail]
    assert shared.endswith("PostgreSQL, MongoDB, Kafka, broker 1")
    assert opened(Incident.Kind.DISK) == []


def test_unread_records_are_warned_of_well_before_they_expire_and_read_ones_are_not(site: Deployment) -> None:
    put(site.raw_topic, line(1))

    young = unread_are_old(percent=50)
    # A millisecond of a week.
    site.wait_for(lambda: unread_are_old(percent=2e-7))
    old = opened(Incident.Kind.RETENTION)
    site.start_consumer()

    assert not young
    assert old == [f"{site.raw_topic}/0"]
    site.wait_for(lambda: not unread_are_old(percent=2e-7), 30)


def test_a_frozen_server_ends_a_look_and_the_next_one_sees_the_rest(site: Deployment) -> None:
    site.servers.mongo.freeze()
    try:
        with override_settings(DATAFLOW_WARN_DISK_PERCENT=0.000_001):
            capacity.check()
    finally:
        site.servers.mongo.thaw()

    assert "PostgreSQL" in opened(Incident.Kind.DISK)
    assert not Incident.objects.filter(detail__contains="MongoDB").exists()


def test_capacity_is_checked_repeatedly_until_the_consumer_stops(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "SETTINGS_AFTER", 0.05)
    monkeypatch.setattr(capacity, "EVERY", 0.05)
    stopping = threading.Event()
    with override_settings(DATAFLOW_WARN_DISK_PERCENT=0.000_001):
        capacity.start(stopping)
        [thread] = [each for each in threading.enumerate() if each.name == "capacity"]
        site.wait_for(lambda: Incident.objects.filter(count__gt=1).exists(), 20)
        stopping.set()
        thread.join(20)

    assert not thread.is_alive()


def test_a_kafka_that_refuses_is_reported_to_the_operator_until_it_answers(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise TopicAuthorizationFailedError

    with monkeypatch.context() as patch, override_settings(DATAFLOW_WARN_DISK_PERCENT=0.000_001):
        patch.setattr(KafkaAdminClient, "describe_configs", refuse)
        capacity.check()
        capacity.check()
    refused = list(Incident.objects.filter(kind=Incident.Kind.OPERATOR).values_list("subject", "detail", "count"))
    capacity.check()

    assert refused == [(capacity.REFUSED, "Kafka: TopicAuthorizationFailedError", 2)]
    assert "PostgreSQL" in set(Incident.objects.filter(kind=Incident.Kind.DISK).values_list("subject", flat=True))
    assert opened(Incident.Kind.OPERATOR) == []
