"""Only the receiver sees a key: no log, metric, dead letter, page or store has it."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from django.core.cache import cache
from django_redis import get_redis_connection

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.auth import api_keys
from ingestion.tests.client import JSON, call, event
from ingestion.tests.conftest import open_receiver
from processing.models import DeadLetter
from processing.tests import factories

pytestmark = pytest.mark.services

LOUD = {"DATAFLOW_OPEN_INGEST": "0", "DATAFLOW_OPEN_READ": "0", "DATAFLOW_LOG_LEVEL": "DEBUG"}


def use_everywhere(url: str, token: str) -> set[int]:
    """Send the key in every way that a client may think of, right and wrong; gives the statuses."""
    good, basic = json.dumps(event()).encode(), b64encode(f"u:{token}".encode()).decode()
    ways = [
        ("/ingest", {"Authorization": f"Bearer {token}"}, good),
        ("/ingest", {"Authorization": f"Bearer {token}"}, b"{"),
        ("/ingest", {"Authorization": f"Bearer {token}", "Content-Encoding": "gzip"}, good),
        ("/ingest", {"Authorization": f"Bearer {token}", "Idempotency-Key": token}, good),
        ("/ingest", {"Authorization": f"Digest {token}"}, good),
        ("/ingest", {"Authorization": token}, good),
        ("/ingest", {"X-API-Key": token, "X-Request-ID": "a b"}, good),
        ("/ingest", {"X-API-Key": f"{token}x"}, good),
        (f"/ingest?api_key={token}", {}, good),
        (f"/ingest?{token}=1", {}, good),
        (f"/{token}", {"Authorization": f"Basic {basic}"}, good),
        (f"/write?p={token}", {}, b"m f=1"),
        ("/api/v2/write", {"Authorization": f"Token {token}"}, b"m f=1\nbad"),
        (f"/data?token={token}", {"Authorization": f"Bearer {token}"}, None),
        ("/data", {"Authorization": f"Bearer {token}"}, None),
        ("/api/keys/", {"Authorization": f"Bearer {token}"}, None),
    ]
    return {call(url, "POST" if body else "GET", path, body, {**JSON, **head}).status for path, head, body in ways}


def metrics(process: ProductProcess) -> str:
    return call(process.url, "GET", "/metrics").body.decode()


def test_a_key_stands_in_no_log_metric_dead_letter_or_store(site: Deployment) -> None:
    _, token = api_keys.create("canary", ["ingest", "read"], rate="20:1")
    receiver, web, consumer = open_receiver(site, LOUD), site.start_web(LOUD), site.start_consumer(LOUD)

    statuses = use_everywhere(receiver.url, token) | use_everywhere(web.url, token)
    factories.put_all(site.raw_topic, [b"garbage", b'{"sourceId":"sensor-1"}'], partition=1)
    site.wait_for(lambda: DeadLetter.objects.count() == 2)

    assert {200, 202, 400, 401, 403, 404} <= statuses
    secret = token.rpartition("_")[2]
    for process in (receiver, web, consumer):
        assert secret not in process.log
        assert secret not in metrics(process)
    assert not any(secret.encode() in bytes(letter.raw) for letter in DeadLetter.objects.all())
    with site.servers.postgres.connect(site.name) as connection:
        assert connection.execute("SELECT count(*) FROM key WHERE key::text LIKE %s", [f"%{secret}%"]).fetchone() == (
            0,
        )
    redis = get_redis_connection("default")
    assert [name for name in redis.scan_iter() if secret.encode() in name + (redis.dump(name) or b"")] == []
    cache.clear()
