from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from ingestion.tests.client import JSON, NDJSON, call, event, numbered, post, post_lines, request_bytes
from ingestion.tests.conftest import Receiver
from ingestion.tests.topic import events, kept

pytestmark = pytest.mark.services


def of(receiver: Receiver, source: str) -> list[dict[str, Any]]:
    return [line for line in events(receiver.topic) if line["source"] == source]


def raw(receiver: Receiver, data: bytes) -> bytes:
    """Send bytes as they are; give the answer up to the end of the connection or of its first body."""
    address = urlsplit(receiver.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(data)
        return connection.recv(65536)


def test_an_accepted_event_is_in_kafka_with_the_time_that_was_answered(receiver: Receiver) -> None:
    reply = post(receiver.url, event("single"))

    assert reply.status == 202
    assert reply.json.keys() == {"eventId", "status", "receivedAt"}
    assert reply.json["status"] == "accepted"
    [line] = of(receiver, "single")
    assert line["id"] == reply.json["eventId"]
    assert line["ts"] == 1744372800000000
    assert line["payload"] == {"temperature": 23.5}
    assert reply.json["receivedAt"].endswith(f".{line['received'] % 1_000_000:06d}Z")


def test_a_good_array_is_answered_with_counts_alone(receiver: Receiver) -> None:
    reply = post(receiver.url, numbered(3, "array"))

    assert (reply.status, reply.json) == (202, {"accepted": 3, "rejected": 0, "results": []})
    assert [line["payload"]["n"] for line in of(receiver, "array")] == [0, 1, 2]


def test_a_mixed_array_is_a_207_that_names_what_was_rejected(receiver: Receiver) -> None:
    reply = post(receiver.url, [event("mixed"), {"sourceId": "mixed"}, event("mixed", payload={"n": 2})])

    assert reply.status == 207
    assert (reply.json["accepted"], reply.json["rejected"]) == (2, 1)
    [result] = reply.json["results"]
    assert (result["index"], result["code"]) == (1, "missing_field")
    assert len(of(receiver, "mixed")) == 2


def test_results_all_lists_every_event_in_its_order(receiver: Receiver) -> None:
    reply = post(receiver.url, [event("all"), 7, event("all", payload={"n": 2})], query="?results=all")

    results = reply.json["results"]
    assert [(item["index"], item["status"]) for item in results] == [(0, "accepted"), (1, "rejected"), (2, "accepted")]
    assert {results[0]["eventId"], results[2]["eventId"]} == {line["id"] for line in of(receiver, "all")}


def test_atomic_takes_nothing_when_one_event_is_bad(receiver: Receiver) -> None:
    reply = post(receiver.url, [event("atomic"), {"sourceId": "atomic"}], query="?atomic=true")

    assert (reply.status, reply.code) == (422, "nothing_accepted")
    assert (reply.json["accepted"], reply.json["rejected"]) == (0, 2)
    assert [result["index"] for result in reply.json["results"]] == [1]
    assert of(receiver, "atomic") == []


def test_atomic_takes_all_when_all_are_good(receiver: Receiver) -> None:
    reply = post(receiver.url, numbered(2, "atomic-good"), query="?atomic=true")

    assert reply.status == 202
    assert len(of(receiver, "atomic-good")) == 2


def test_a_batch_with_nothing_good_is_a_problem_that_lists_why(receiver: Receiver) -> None:
    reply = post(receiver.url, [{"sourceId": "nothing"}, 7])

    assert (reply.status, reply.code) == (422, "nothing_accepted")
    assert (reply.json["accepted"], reply.json["rejected"]) == (0, 2)
    assert [result["code"] for result in reply.json["results"]] == ["missing_field", "not_an_event"]


def test_an_empty_array_is_accepted_with_zeros(receiver: Receiver) -> None:
    reply = post(receiver.url, [])

    assert (reply.status, reply.json) == (202, {"accepted": 0, "rejected": 0, "results": []})


def test_a_bad_line_does_not_stop_the_others(receiver: Receiver) -> None:
    good = json.dumps(event("lines")).encode()

    reply = post_lines(receiver.url, [good, b"{", b"", json.dumps(event("lines", payload={"n": 1})).encode()])

    assert reply.status == 207
    assert [result["index"] for result in reply.json["results"]] == [1]
    assert len(of(receiver, "lines")) == 2


def test_a_single_bad_event_is_a_problem_with_its_pointer(receiver: Receiver) -> None:
    reply = post(receiver.url, event("bad", timestamp="yesterday"))

    assert (reply.status, reply.code) == (422, "invalid_timestamp")
    assert [error["pointer"] for error in reply.json["errors"]] == ["/timestamp"]
    assert reply.json["requestId"] == reply.headers["x-request-id"]
    assert reply.json["instance"] == "/ingest"
    assert of(receiver, "bad") == []


GOOD = json.dumps(event("refused")).encode()
LARGE = json.dumps(event("refused", payload={"x": "y" * 262_144})).encode()
MANY = json.dumps(numbered(1001, "refused")).encode()


@pytest.mark.parametrize(
    ("target", "headers", "body", "status", "code"),
    [
        ("POST /healthz", {}, None, 405, "method_not_allowed"),
        ("POST /ingest/other", JSON, GOOD, 404, "not_found"),
        ("GET /", {}, None, 404, "not_found"),
    ],
)
def test_what_is_refused_is_a_problem_and_nowhere_in_kafka(
    receiver: Receiver, target: str, headers: dict[str, str], body: bytes | None, status: int, code: str
) -> None:
    method, path = target.split()

    reply = call(receiver.url, method, path, body, headers)

    assert (reply.status, reply.code) == (status, code)
    assert reply.json["status"] == status
    assert of(receiver, "refused") == []


def test_a_405_names_the_methods_that_are_allowed(receiver: Receiver) -> None:
    assert call(receiver.url, "PUT", "/ingest").headers["allow"] == "POST"
    assert call(receiver.url, "PUT", "/readyz").headers["allow"] == "GET, HEAD"


def test_an_unknown_parameter_is_told_the_nearest_one(receiver: Receiver) -> None:
    assert "'atomic'" in post(receiver.url, event(), query="?atomik=true").json["detail"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=UTF-8",
        "application/json;charset=us-ascii",
        "Application/JSON",
        "text/json",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        NDJSON["Content-Type"],
    ],
)
def test_usual_ways_to_write_the_content_type_are_taken(receiver: Receiver, content_type: str) -> None:
    assert (
        call(receiver.url, "POST", "/ingest", GOOD.replace(b"refused", b"taken"), {"Content-Type": content_type}).status
        == 202
    )


def test_a_body_declared_too_long_is_refused_before_it_is_sent(receiver: Receiver) -> None:
    head = (
        b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n"
    )

    assert raw(receiver, head).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_is_refused_once_it_passes_the_limit(receiver: Receiver) -> None:
    head = b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"

    assert raw(receiver, head + chunk * 6).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(receiver: Receiver) -> None:
    address = urlsplit(receiver.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request_bytes(event("hung-up"))[:-5])

    assert post(receiver.url, event("after-hung-up")).status == 202
    assert of(receiver, "hung-up") == []


def test_requests_on_one_connection_keep_their_order(receiver: Receiver) -> None:
    address = urlsplit(receiver.url)
    requests = [request_bytes(one) for one in numbered(100, "ordered")]

    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"".join(requests))
        answered = b""
        while answered.count(b"HTTP/1.1 202 ") < 100:
            answered += connection.recv(65536) or pytest.fail("the connection was closed")

    assert [line["payload"]["n"] for line in of(receiver, "ordered")] == list(range(100))


def test_an_array_becomes_few_records_that_say_how_much_they_hold(receiver: Receiver) -> None:
    post(receiver.url, [event(f"shared-{n % 50}", payload={"n": n}) for n in range(500)])

    records = [record for record in kept(receiver.topic) if record.lines[0]["source"].startswith("shared-")]
    assert len(records) <= 6
    assert sum(int(record.headers["dataflow-count"]) for record in records) == 500
    assert {record.headers["dataflow-version"] for record in records} == {b"1"}
    assert {record.key for record in records} == {None}


def test_a_record_of_one_source_has_it_as_its_key(receiver: Receiver) -> None:
    post(receiver.url, numbered(10, "keyed"))

    assert [record.key for record in kept(receiver.topic) if record.lines[0]["source"] == "keyed"] == [b"keyed"]


def test_the_receiver_says_that_it_is_alive_and_how_fast_kafka_answers(receiver: Receiver) -> None:
    assert call(receiver.url, "GET", "/healthz").json == {"status": "alive"}
    ready = call(receiver.url, "GET", "/readyz")
    assert ready.status == 200
    assert ready.json["dependencies"]["kafka"]["state"] == "up"
    assert 0 < ready.json["dependencies"]["kafka"]["latencyMs"] < 2000


def test_metrics_count_events_and_answers_without_naming_sources(receiver: Receiver) -> None:
    def value(name: str) -> float:
        text = call(receiver.url, "GET", "/metrics").body.decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))

    accepted, refused = "ingestion_events_accepted_total", 'ingestion_events_rejected_total{code="missing_field"}'
    before = value(accepted), value(refused)
    post(receiver.url, [*numbered(4, "metered"), {"sourceId": "metered"}])

    assert (value(accepted) - before[0], value(refused) - before[1]) == (4, 1)
    assert value('ingestion_requests_total{status="207"}') >= 1
    assert b"metered" not in call(receiver.url, "GET", "/metrics").body
