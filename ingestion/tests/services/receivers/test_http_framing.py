from __future__ import annotations

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ingestion.tests.client import JSON, NDJSON, call, event, numbered
from ingestion.tests.conftest import Receiver
from ingestion.tests.topic import events, kept

pytestmark = pytest.mark.services

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def of(receiver: Receiver, source: str) -> list[dict[str, Any]]:
    return [line for line in events(receiver.topic) if line["source"] == source]


def test_gzip_lines_are_taken_as_they_are_unpacked(receiver: Receiver) -> None:
    body = gzip.compress(b"\n".join(json.dumps(item).encode() for item in numbered(500, "gzip")))

    reply = call(receiver.url, "POST", "/ingest", body, {**NDJSON, "Content-Encoding": "gzip"})

    assert (reply.status, reply.json["accepted"]) == (202, 500)
    assert len(of(receiver, "gzip")) == 500


def test_validate_checks_everything_and_publishes_nothing(receiver: Receiver) -> None:
    good, mixed = event("only-checked"), [event("only-checked"), {}]

    one = call(receiver.url, "POST", "/ingest/validate", json.dumps(good).encode(), JSON)
    some = call(receiver.url, "POST", "/ingest/validate?results=all", json.dumps(mixed).encode(), JSON)
    none = call(receiver.url, "POST", "/ingest/validate", b"{}", JSON)

    assert (one.status, one.json["status"]) == (200, "valid")
    assert one.json["eventId"]
    assert (some.status, some.json["accepted"], some.json["rejected"]) == (207, 1, 1)
    assert (none.status, none.code, none.json["instance"]) == (422, "missing_field", "/ingest/validate")
    assert of(receiver, "only-checked") == []


def test_a_request_id_comes_back_and_a_trace_goes_on_with_the_record(receiver: Receiver) -> None:
    sent = {**JSON, "X-Request-ID": "order-66", "traceparent": TRACE}

    good = call(receiver.url, "POST", "/ingest", json.dumps(event("traced")).encode(), sent)
    bad = call(receiver.url, "POST", "/ingest", b"{", sent)
    odd = call(receiver.url, "POST", "/ingest", b"{", {**JSON, "X-Request-ID": "a b"})

    assert good.headers["x-request-id"] == "order-66"
    assert (bad.headers["x-request-id"], bad.json["requestId"]) == ("order-66", "order-66")
    assert odd.headers["x-request-id"] == odd.json["requestId"] != "a b"
    [record] = [record for record in kept(receiver.topic) if record.key == b"traced"]
    assert record.headers["traceparent"] == TRACE.encode()


def test_the_same_idempotency_key_gets_the_first_answer_again(receiver: Receiver) -> None:
    def send(value: int, key: str = "key-1") -> Any:
        body = json.dumps(event("idempotent", payload={"n": value})).encode()
        return call(receiver.url, "POST", "/ingest", body, {**JSON, "Idempotency-Key": key})

    first, again, other, fresh = send(1), send(1), send(2), send(2, "key-2")

    assert first.status == 202
    assert "idempotency-replayed" not in first.headers
    assert (again.status, again.body, again.headers["idempotency-replayed"]) == (202, first.body, "true")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert fresh.status == 202
    assert [line["payload"]["n"] for line in of(receiver, "idempotent")] == [1, 2]


def test_a_key_whose_request_is_still_running_is_a_409(receiver: Receiver) -> None:
    body, sent = json.dumps(event("running")).encode(), {**JSON, "Idempotency-Key": "running"}
    receiver.site.servers.kafka.freeze()
    try:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(call, receiver.url, "POST", "/ingest", body, sent)
            time.sleep(0.5)
            second = call(receiver.url, "POST", "/ingest", body, sent)
            assert (second.status, second.code) == (409, "idempotency_key_in_use")
            assert first.result().status == 503
    finally:
        receiver.site.servers.kafka.thaw()

    # Nothing final was answered before.
    receiver.site.wait_for(lambda: call(receiver.url, "POST", "/ingest", body, sent).status == 202, 10)


def test_without_redis_an_idempotency_key_is_ignored(receiver: Receiver) -> None:
    body, sent = json.dumps(event("no-redis")).encode(), {**JSON, "Idempotency-Key": "no-redis"}
    receiver.site.servers.redis.freeze()
    try:
        replies = [call(receiver.url, "POST", "/ingest", body, sent) for _ in range(2)]
    finally:
        receiver.site.servers.redis.thaw()

    assert [reply.status for reply in replies] == [202, 202]
    assert "idempotency-replayed" not in replies[1].headers
