"""Incidents: one open for each thing, counted while it repeats, closed when it is over."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from deploy.testing.deployment import Deployment
from processing.ledger import lost_records
from processing.ledger.incidents import PartitionRef, close_incident, of_partition, open_incident, open_incidents
from processing.models import Incident, LedgerGap, Topic

pytestmark = pytest.mark.services

DISK, BREAKER = Incident.Kind.DISK, Incident.Kind.BREAKER


def test_an_incident_is_open_once_counts_its_repetitions_and_may_come_again(site: Deployment) -> None:
    for percent in (81, 82):
        open_incident(DISK, "postgresql", f"{percent} % full")
    open_incident(BREAKER, of_partition("raw-data", 3), "200 in a row")
    found = list(open_incidents().values_list("kind", "subject", "detail", "count"))

    closed = [close_incident(DISK, "postgresql") for _ in range(2)]
    open_incident(DISK, "postgresql", "90 % full")

    assert found == [("breaker", "raw-data/3", "200 in a row", 1), ("disk", "postgresql", "82 % full", 2)]
    assert closed == [True, False]
    assert Incident.objects.filter(kind=DISK).count() == 2
    assert open_incidents().get(kind=DISK).detail == "90 % full"


def test_the_admin_lists_incidents_and_gaps_and_leads_to_where_one_acts(site: Deployment) -> None:
    topic = Topic.objects.create(kafka_id=uuid4(), name="raw-data")
    with connection.cursor() as cursor:
        partition = PartitionRef(topic.pk, topic.name, 3)
        lost_records.record(cursor, partition, first=30, next_=50, cause=LedgerGap.Cause.REMOVED)
    open_incident(BREAKER, partition.subject, "200 in a row")
    operator = Client()
    operator.force_login(User.objects.create_superuser("operator"))

    lists = [operator.get(f"/admin/processing/{model}/").content.decode() for model in ("incident", "ledgergap")]

    assert all("records 30 to 49 were removed from the topic before they were read" in page for page in lists)
    assert 'href="/pipeline/incidents/"' in lists[0]
    assert "raw-data/3" in operator.get("/admin/processing/incident/?state=open").content.decode()
