"""POST /api/pipeline/partitions/<topic>/<partition>/resume/: an operator's key resumes what is held."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from processing.ledger.incidents import PartitionRef, open_incidents
from processing.models import Hold, Topic
from processing.partitions import paused
from queries.tests.stored import get, topic

pytestmark = pytest.mark.services


def hold(one: Topic, number: int) -> str:
    with connection.cursor() as cursor:
        paused.hold(cursor, PartitionRef(one.pk, one.name, number), "200 events in a row became dead letters")
    return f"/api/pipeline/partitions/{one.name}/{number}/resume/"


def as_key(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}, "content_type": "application/json"}


def test_a_key_with_the_scope_admin_resumes_a_held_partition_once(site: Deployment, client: Client) -> None:
    _, admin = api_keys.create("operator", ["admin"])
    _, reader = api_keys.create("reader", ["read"])
    address = hold(topic(), 3)

    assert client.post(address, {}, **as_key(reader)).json()["code"] == "forbidden"
    assert client.post(address).json()["code"] == "unauthenticated"
    assert client.post(address, {"throughEnd": "perhaps"}, **as_key(admin)).status_code == 400
    assert Hold.objects.get().released_at is None
    assert open_incidents().get().subject == f"{site.raw_topic}/3"
    assert [(one["topic"], one["partition"]) for one in get("/api/pipeline/")["held"]] == [(site.raw_topic, 3)]

    assert client.post(address, {}, **as_key(admin)).json() == {
        "topic": site.raw_topic,
        "partition": 3,
        "lenientUntil": 0,
    }
    assert Hold.objects.get().released_by.startswith("key ")
    assert not open_incidents().exists()
    cache.clear()
    assert get("/api/pipeline/")["held"] == []
    assert client.post(address, {}, **as_key(admin)).json()["code"] == "not_found"


def test_through_the_end_means_kafkas_present_end(site: Deployment, client: Client) -> None:
    _, admin = api_keys.create("operator", ["admin"])
    address = hold(topic(), 3)

    answer = client.post(address, {"throughEnd": True}, **as_key(admin))

    assert (answer.status_code, answer.json()["lenientUntil"]) == (200, 0)
    assert Hold.objects.get().lenient_until == 0
