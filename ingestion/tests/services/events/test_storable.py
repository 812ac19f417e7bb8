from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from bson import DBRef
from django.conf import settings as django_settings
from django.db import connection
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from deploy.testing.deployment import Deployment
from ingestion.events.batch import BatchLimits
from ingestion.receivers.http import body_parsers
from ingestion.tests import strategies

LIMITS = BatchLimits()


def accepted(batch: list[bytes]) -> list[bytes]:
    """The payloads of what the receiver takes from a request of these lines."""
    body = b"\n".join(text.replace(b"\n", b" ") for text in batch)
    return [event.payload for event in body_parsers.parse_ndjson(body, now=strategies.NOW, limits=LIMITS).events]


def exactly(payload: str | bytes) -> Any:
    """The values of JSON, numbers to the last digit: what PostgreSQL's numeric keeps."""
    return json.loads(payload, parse_int=Decimal, parse_float=Decimal)


def through_postgresql(payloads: list[bytes]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS kept (payload jsonb)")
        cursor.execute("TRUNCATE kept")
        cursor.execute("INSERT INTO kept SELECT unnest(%s::text[])::jsonb", [[text.decode() for text in payloads]])
        cursor.execute("SELECT payload::text FROM kept ORDER BY ctid")
        return [exactly(row[0]) for row in cursor.fetchall()]


def through_mongodb(collection: Collection[dict[str, Any]], payloads: list[bytes]) -> list[Any]:
    collection.delete_many({})
    documents = [{"_id": i, "payload": msgspec.json.decode(payload)} for i, payload in enumerate(payloads)]
    if documents:
        collection.insert_many(documents)
    return [plain(document["payload"]) for document in collection.find().sort("_id")]


def plain(value: Any) -> Any:
    """What a document says: the driver alone takes an object with the key $ref for a reference."""
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def collection(site: Deployment) -> Iterator[Collection[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](django_settings.MONGO_URI) as client:
        yield client[django_settings.MONGO_DATABASE]["kept"]


@pytest.mark.services
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch=st.lists(strategies.events, min_size=1, max_size=5))
def test_whatever_is_accepted_both_stores_keep_without_change_of_value(
    collection: Collection[dict[str, Any]], batch: list[bytes]
) -> None:
    payloads = accepted(batch)
    assume(payloads)

    assert through_postgresql(payloads) == [exactly(payload) for payload in payloads]
    # Integers exact, decimals as the nearest double.
    assert through_mongodb(collection, payloads) == [json.loads(payload) for payload in payloads]
