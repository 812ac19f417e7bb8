"""What is kept of one API key's answers is bounded, and takes no room from others."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from ingestion.auth import api_keys
from ingestion.receivers.http import idempotency
from ingestion.tests.client import JSON, Reply, call, event
from ingestion.tests.conftest import MakeReceiver, Receiver

pytestmark = pytest.mark.services

BUDGET = 64 * 1024  # bytes


@pytest.fixture(scope="module")
def receiver(make_receiver: MakeReceiver) -> Receiver:
    return make_receiver({"DATAFLOW_IDEMPOTENCY_BYTES_PER_KEY": str(BUDGET)})


@pytest.fixture
def client(receiver: Receiver) -> Iterator[redis.Redis]:
    with redis.Redis(**settings.REDIS_CONNECTION) as opened:
        yield opened


def send(receiver: Receiver, content: object, *, idempotency_key: str, token: str = "", query: str = "") -> Reply:
    headers = {**JSON, "Idempotency-Key": idempotency_key, **({"X-API-Key": token} if token else {})}
    return call(receiver.url, "POST", f"/ingest{query}", json.dumps(content).encode(), headers)


def is_replayed(reply: Reply) -> bool:
    return reply.headers.get("idempotency-replayed") == "true"


def bytes_kept(client: redis.Redis) -> int:
    return sum(int(client.memory_usage(key) or 0) for key in client.scan_iter(b"dataflow:idempotency*", count=1_000))


@pytest.mark.alone  # an answer that Redis does not take within 0.09 s is not kept
def test_a_flood_of_one_key_pushes_out_its_own_oldest_answers_and_no_other_keys(
    receiver: Receiver, client: redis.Redis
) -> None:
    _, flooder = api_keys.create("flooder", scopes=["ingest"])
    _, neighbour = api_keys.create("neighbour", scopes=["ingest"])
    send(receiver, event("quiet"), idempotency_key="mine", token=neighbour)
    before = bytes_kept(client)

    for number in range(3 * BUDGET // idempotency.UNIT):
        sent = send(receiver, event("loud", payload={"n": number}), idempotency_key=str(number), token=flooder)
        assert sent.status == 202
    kept = bytes_kept(client) - before

    assert kept < 1.5 * BUDGET
    assert is_replayed(send(receiver, event("quiet"), idempotency_key="mine", token=neighbour))
    assert is_replayed(send(receiver, event("loud", payload={"n": number}), idempotency_key=str(number), token=flooder))
    assert not is_replayed(send(receiver, event("loud", payload={"n": 0}), idempotency_key="0", token=flooder))


def test_a_large_answer_is_not_kept_and_says_so(receiver: Receiver) -> None:
    batch = [event("large", eventId=f"00000000-0000-4000-8000-{n:012}", payload={"n": n}) for n in range(1_000)]

    first = send(receiver, batch, idempotency_key="large", query="?results=all")
    again = send(receiver, batch, idempotency_key="large", query="?results=all")

    assert len(first.body) > idempotency.MAX_BODY
    assert [reply.status for reply in (first, again)] == [202, 202]
    assert [reply.headers.get("idempotency-kept") for reply in (first, again)] == ["false", "false"]
    assert not is_replayed(again)
