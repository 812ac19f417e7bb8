"""Every way in keeps examples of what it refuses, with whose it was, and a few of a flood."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from uuid import uuid4

import grpc
import pytest
from django.utils import timezone

from deploy.testing.deployment import ProductProcess
from ingestion.auth import api_keys
from ingestion.models import RefusedRequest
from ingestion.refusals import rows
from ingestion.refusals.examples import PER_KEY
from ingestion.tests.client import JSON, NDJSON, call, event
from ingestion.tests.conftest import MakeReceiver, Receiver
from ingestion.tests.grpc_client import Client as GrpcClient
from ingestion.tests.grpc_client import event as grpc_event

pytestmark = pytest.mark.services

KEYED = {"DATAFLOW_OPEN_INGEST": "0"}
CLOUD = {"specversion": "1.0", "id": "1", "type": "t"}
BAD = event("sensor-1", timestamp="yesterday")
LINES = {"Content-Type": "text/plain"}


@pytest.fixture(name="keyed", scope="module")
def _keyed(make_receiver: MakeReceiver) -> Receiver:
    """A receiver that asks for a key."""
    return make_receiver(KEYED)


@pytest.fixture(name="grpc_receiver", scope="module")
def _grpc_receiver(keyed: Receiver) -> ProductProcess:
    return keyed.site.start_grpc(KEYED)


@pytest.fixture(name="token")
def _token() -> Iterator[str]:
    """The token of a key for two sources."""
    RefusedRequest.objects.all().delete()
    key, token = api_keys.create("gateway", ["ingest"], sources=["sensor-1", "sensor-2"])
    yield token
    key.delete()


def kept(receiver: Receiver, *, count: int = 1) -> list[RefusedRequest]:
    """The examples, oldest first, as soon as there are so many."""

    def found() -> list[RefusedRequest] | None:
        listed = list(RefusedRequest.objects.order_by("at"))
        return listed if len(listed) >= count else None

    return receiver.site.wait_for(found, 10) or []


JSON_BAD = json.dumps(BAD).encode()
CLOUD_HEADERS = {
    "Content-Type": "application/json", "ce-id": "1", "ce-specversion": "1.0", "ce-type": "t",
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "headers", "body", "wanted"),
    [
        ("/ingest", JSON, JSON_BAD, ("invalid_timestamp", "422", "http", "sensor-1")),
        ("/ingest", JSON, b'{"sourceId": "sensor-1",}', ("not_json", "400", "http", "sensor-1")),
        ("/ingest", NDJSON, b'{}\n{"sourceId":"sensor-2"}', ("missing_field", "422", "http", "")),
        ("/ingest", JSON, json.dumps(event("bravo")).encode(), ("source_not_allowed", "403", "http", "")),
        (
            "/ingest", {"Content-Type": "application/cloudevents+json"},
            json.dumps({**CLOUD, "source": "sensor-2", "time": "soon"}).encode(),
            ("invalid_timestamp", "422", "cloudevents", "sensor-2"),
        ),
        (
            "/ingest", {**CLOUD_HEADERS, "ce-source": "sensor-1", "ce-time": "soon"}, b'{"a":1}',
            ("invalid_timestamp", "422", "cloudevents", "sensor-1"),
        ),
        ("/api/v2/write", LINES, b"m,sourceId=sensor-2 x=", ("wrong_type", "400", "influx", "sensor-2")),
        ("/write", LINES, b"m,sourceId=bravo x=1", ("source_not_allowed", "403", "influx", "")),
    ],
)  # fmt: skip
def test_each_format_over_http_keeps_an_example_with_whose_it_was(
    keyed: Receiver, token: str, path: str, headers: dict[str, str], body: bytes, wanted: tuple[str, ...]
) -> None:
    reply = call(keyed.url, "POST", path, body, {**headers, "X-API-Key": token})
    [first, *_] = kept(keyed)

    assert (first.code, first.status, first.way, first.source_id) == wanted
    assert str(reply.status) == first.status
    assert (first.path, first.key) == (path, token[4:12])
    assert first.sent is not None
    # What was read of an event whose source may not send stands for its text.
    assert first.sent[:8] in body.decode() or first.code == "source_not_allowed"
    assert (
        first.detail.removeprefix("event 1: ").removeprefix("line 1: ").removeprefix("/timestamp: ")
        in reply.body.decode()
    )


@pytest.mark.parametrize("method", ["Ingest", "IngestBatch", "IngestStream"])
def test_each_method_over_grpc_keeps_an_example_with_whose_it_was(
    keyed: Receiver, grpc_receiver: ProductProcess, token: str, method: str
) -> None:
    caller, metadata = GrpcClient(grpc_receiver.port), [("x-api-key", token)]
    wrong = grpc_event("sensor-2", {"n": 1}, timestamp="yesterday")

    with closing(caller.channel), suppress(grpc.RpcError):
        match method:
            case "Ingest":
                caller.ingest(wrong, metadata=metadata)
            case "IngestBatch":
                caller.batch([wrong], metadata=metadata)
            case _:
                list(caller.stream(iter([[wrong]]), metadata=metadata))
    [first] = kept(keyed)

    assert (first.code, first.status, first.way) == ("invalid_timestamp", "INVALID_ARGUMENT", "grpc")
    assert (first.path, first.key, first.source_id) == (method, token[4:12], "sensor-2")
    assert first.sent == '{"sourceId":"sensor-2","timestamp":"yesterday","payload":{"n": 1}}'


def test_of_a_request_without_a_valid_key_neither_key_nor_body_nor_headers_are_kept(
    keyed: Receiver, token: str
) -> None:
    wrong = f"dfe_{'0' * 8}_{'1' * 40}"
    call(keyed.url, "POST", f"/ingest?api_key={wrong}", JSON_BAD, JSON)
    call(keyed.url, "POST", "/ingest", JSON_BAD, {**JSON, "Authorization": f"Bearer {wrong}"})
    call(keyed.url, "POST", f"/{wrong}", b"", {**JSON, "X-Long": "x" * 20_000})
    call(
        keyed.url, "POST", "/ingest", f'{{"sourceId":"sensor-1","note":"{token}"'.encode(), {**JSON, "X-API-Key": token}
    )
    found = kept(keyed, count=4)

    assert [each.code for each in found] == ["unauthenticated", "unauthenticated", "headers_too_large", "not_json"]
    assert [(each.key, each.source_id, each.sent) for each in found[:3]] == [("", "", None)] * 3
    assert [each.size for each in found[:2]] == [len(JSON_BAD)] * 2
    text = repr([each.__dict__ for each in found])
    assert (wrong in text, "111111" in text, token in text) == (False, False, False)
    assert found[3].sent == '{"sourceId":"sensor-1","note":"dfe_***"'


def test_of_a_flood_a_few_a_second_are_kept_and_a_table_has_so_many_of_a_reason(keyed: Receiver, token: str) -> None:
    began = time.time()
    for _ in range(200):
        call(keyed.url, "POST", "/ingest", b"{", {**JSON, "X-API-Key": token})
    seconds = int(time.time()) - int(began) + 1
    kept(keyed, count=PER_KEY)
    RefusedRequest.objects.all().delete()
    shared = {"status": "400", "detail": "", "way": "http", "path": "/ingest", "key": ""}
    now = timezone.now()
    RefusedRequest.objects.bulk_create(
        RefusedRequest(id=uuid4(), at=now - timedelta(minutes=n), code="not_json", source_id=source, **shared)
        for n in range(rows.KEPT_OF_SOURCE + 5)
        for source in ("sensor-1", "sensor-2")
    )
    RefusedRequest.objects.create(
        id=uuid4(), at=now - rows.KEPT - timedelta(hours=1), code="not_json", source_id="old", **shared
    )
    rows.delete_old(now=now)

    assert RefusedRequest.objects.filter(source_id="").count() <= PER_KEY * seconds
    assert RefusedRequest.objects.filter(source_id="old").count() == 0
    of_one = RefusedRequest.objects.filter(source_id="sensor-1")
    assert of_one.count() == rows.KEPT_OF_SOURCE
    assert of_one.latest("at").at == now


def test_without_postgresql_refusals_are_answered_at_once_and_their_examples_follow(
    keyed: Receiver, token: str
) -> None:
    headers = {**JSON, "X-API-Key": token}
    assert call(keyed.url, "POST", "/ingest", b"{", headers).status == 400
    kept(keyed)
    keyed.site.servers.postgres.freeze()
    try:
        began = time.monotonic()
        statuses = {call(keyed.url, "POST", "/ingest", JSON_BAD, headers).status for _ in range(20)}
        accepted = call(keyed.url, "POST", "/ingest", json.dumps(event("sensor-1")).encode(), headers).status
        took = time.monotonic() - began
    finally:
        keyed.site.servers.postgres.thaw()

    assert (statuses, accepted) == ({422}, 202)
    assert took < 5
    keyed.site.wait_for(lambda: RefusedRequest.objects.filter(code="invalid_timestamp").exists(), 30)
