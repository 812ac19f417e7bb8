from __future__ import annotations

import contextlib
import json
import queue
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from deploy.testing.deployment import Deployment
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.tests import client
from ingestion.tests.bad_inputs import _PAYLOAD, _SOURCES, _TIMES
from ingestion.tests.grpc_client import Client, Refusal, ended, event, numbered, read, refusal
from ingestion.tests.topic import events, kept

pytestmark = pytest.mark.services

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOT_JSON = [
    ("two documents", b"{}{}"),
    ("a member of the event", b'{"n":1},"eventId":"0190a6c2-7f6e-7c3a-9d5f-3f1b2a4c5d6e"'),
    ("nothing", b""),
    ("a byte order mark", b"\xef\xbb\xbf{}"),
    ("bytes that are not UTF-8", b'{"n":"\xff"}'),
    ("NaN", b'{"n":NaN}'),
]


class Receiver:
    """A running gRPC process beside an HTTP one, on the same site."""

    def __init__(self, site: Deployment) -> None:
        self.site = site
        self.http = site.start_ingest().url
        self.client = Client(site.start_grpc().port)
        site.wait_for(lambda: client.call(self.http, "GET", "/readyz").status == 200, 20)

    def refused(self, sent: ingestion_pb2.Event, **how: Any) -> Refusal:
        with pytest.raises(grpc.RpcError) as caught:
            self.client.ingest(sent, **how)
        return refusal(caught.value)

    def of(self, source: str) -> list[dict[str, Any]]:
        return [line for line in events(self.site.raw_topic) if line["source"] == source]

    def id_over_http(self, text: str) -> str:
        reply = client.call(self.http, "POST", "/ingest", text.encode(), client.JSON)
        assert reply.status == 202
        return str(reply.json["eventId"])


@pytest.fixture(scope="module")
def receiver(module_site: Deployment) -> Iterator[Receiver]:
    """One deployment for a module's tests; each uses sources of its own."""
    receiver = Receiver(module_site)
    with contextlib.closing(receiver.client.channel):
        yield receiver


def test_an_accepted_event_is_in_kafka_with_the_time_that_was_answered(receiver: Receiver) -> None:
    reply = receiver.client.ingest(event("one", {"n": 1}))

    [line] = receiver.of("one")
    assert (line["id"], line["payload"]) == (reply.event_id, {"n": 1})
    assert line["received"] == reply.received_at.ToMicroseconds()


def test_the_same_event_has_the_same_id_as_over_http(receiver: Receiver) -> None:
    text = '{"sourceId":"same","timestamp":"2025-04-11T14:00:00.5+02:00","payload":{"a": [1.50, {"b":2}],\n "c":"é"}}'
    payload = '{"a": [1.50, {"b":2}],\n "c":"é"}'.encode()
    number = '{"sourceId":"same","timestamp":1744372800123,"payload":{"n":1}}'

    first = receiver.client.ingest(event("same", payload, timestamp="2025-04-11T14:00:00.5+02:00"))
    again = receiver.client.batch(
        [event("same", b" " + payload + b"\n", timestamp="2025-04-11T14:00:00.5+02:00")], results_all=True
    )
    counted = receiver.client.ingest(event("same", b'{"n":1}', timestamp=None, timestamp_epoch=1744372800123))

    assert first.event_id == again.results[0].event_id == receiver.id_over_http(text)
    assert counted.event_id == receiver.id_over_http(number)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "2025-04-11T12:00:00Z"),
        (500_000_000, "2025-04-11T12:00:00.500Z"),
        (1_000, "2025-04-11T12:00:00.000001Z"),
        (1, "2025-04-11T12:00:00.000000001Z"),
    ],
)
def test_an_instant_stands_for_its_text_in_the_json_of_protocol_buffers(
    receiver: Receiver, nanos: int, text: str
) -> None:
    instant = Timestamp(seconds=1744372800, nanos=nanos)
    assert instant.ToJsonString() == text

    reply = receiver.client.ingest(event("instant", b'{"n":1}', timestamp=None, timestamp_instant=instant))

    assert reply.event_id == receiver.id_over_http(f'{{"sourceId":"instant","timestamp":"{text}","payload":{{"n":1}}}}')


def test_a_struct_stands_for_its_json_with_sorted_keys_and_whole_numbers(receiver: Receiver) -> None:
    struct = ParseDict({"z": 1, "a": [True, None, 0.5, {"y": -2.0, "b": "ü"}], "big": 2.0**53, "huge": 1e300}, Struct())
    text = '{"a":[true,null,0.5,{"b":"ü","y":-2}],"big":9007199254740992,"huge":1e300,"z":1}'

    reply = receiver.client.ingest(event("struct", payload_struct=struct))

    assert receiver.of("struct")[0]["payload"] == json.loads(text)
    assert reply.event_id == receiver.id_over_http(
        f'{{"sourceId":"struct","timestamp":"2025-04-11T12:00:00Z","payload":{text}}}'
    )


def test_an_id_that_was_sent_is_the_events(receiver: Receiver) -> None:
    given = "0190a6c2-7f6e-7c3a-9d5f-3f1b2a4c5d6e"

    assert receiver.client.ingest(event("named", event_id=given.upper())).event_id == given
    assert receiver.refused(event("named", event_id="mine")).code == "invalid_event_id"


@pytest.mark.parametrize(("kind", "text", "status", "code"), _PAYLOAD, ids=[row[0] for row in _PAYLOAD])
def test_a_wrong_payload_has_the_code_that_it_has_over_http(
    receiver: Receiver, kind: str, text: str, status: int, code: str
) -> None:
    refused = receiver.refused(event("wrong-payload", text.encode()))
    beside_a_good_one = receiver.client.batch([event("beside"), event("wrong-payload", text.encode())])

    http = client.call(
        receiver.http,
        "POST",
        "/ingest",
        f'{{"sourceId":"wrong-payload","timestamp":"2025-04-11T12:00:00Z","payload":{text}}}'.encode(),
        client.JSON,
    )
    assert (refused.name, refused.code) == ("INVALID_ARGUMENT", code)
    assert (http.code, http.status) == (code, status)
    assert refused.places[0].startswith("/event/payload")
    assert (beside_a_good_one.accepted, [result.code for result in beside_a_good_one.results]) == (1, [code])
    assert receiver.of("wrong-payload") == []


@pytest.mark.parametrize(("kind", "payload"), NOT_JSON, ids=[row[0] for row in NOT_JSON])
def test_a_payload_is_one_json_document_and_nothing_more(receiver: Receiver, kind: str, payload: bytes) -> None:
    refused = receiver.refused(event("no-json", payload))
    # A source that was seen, so that the quick path is asked.
    receiver.client.ingest(event("seen"))
    result = receiver.client.batch([event("seen"), event("seen", payload)]).results[0]

    assert (refused.code, refused.places) == ("not_json", ["/event/payload"])
    assert (result.index, result.code, result.pointer) == (1, "not_json", "/payload")


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [(kind, text, code) for kind, text, code in _SOURCES if text.startswith('"') and text != '""'],
    ids=lambda value: None,
)
def test_a_wrong_source_id_has_the_code_that_it_has_over_http(
    receiver: Receiver, kind: str, text: str, code: str
) -> None:
    refused = receiver.refused(event(json.loads(text)))

    assert (refused.code, refused.places) == (code, ["/event/sourceId"])


@pytest.mark.parametrize(
    ("kind", "text", "code"), [row for row in _TIMES if row[1].startswith('"')], ids=lambda value: None
)
def test_a_wrong_timestamp_has_the_code_that_it_has_over_http(
    receiver: Receiver, kind: str, text: str, code: str
) -> None:
    refused = receiver.refused(event("wrong-time", timestamp=json.loads(text)))

    assert (refused.code, refused.places) == (code, ["/event/timestamp"])


@pytest.mark.parametrize(
    "fields",
    [
        {"timestamp_epoch": -1},
        {"timestamp_epoch": 2**63 - 1},
        {"timestamp_instant": Timestamp(seconds=-1)},
        {"timestamp_instant": Timestamp(seconds=2**62)},
        {"timestamp_instant": Timestamp(nanos=-1)},
        {"timestamp_instant": Timestamp(nanos=1_000_000_000)},
    ],
)
def test_a_number_or_an_instant_out_of_range_is_an_invalid_timestamp(
    receiver: Receiver, fields: dict[str, Any]
) -> None:
    assert receiver.refused(event("wrong-time", timestamp=None, **fields)).code == "invalid_timestamp"


@pytest.mark.parametrize(
    ("value", "code"),
    [(float("nan"), "number_out_of_range"), (float("inf"), "number_out_of_range"), ("a\0b", "invalid_text")],
)
def test_a_struct_is_held_to_what_json_can_say(receiver: Receiver, value: float | str, code: str) -> None:
    struct = Struct()
    ParseDict({"a": [0]}, struct)
    struct.fields["a"].list_value.append(value)

    assert receiver.refused(event("odd-struct", payload_struct=struct)).code == code


def test_a_struct_with_a_value_of_no_kind_is_refused(receiver: Receiver) -> None:
    struct = Struct()
    struct.fields["nothing"].SetInParent()

    refused = receiver.refused(event("odd-struct", payload_struct=struct))

    assert (refused.code, refused.places) == ("wrong_type", ["/event/payload/nothing"])


@pytest.mark.parametrize(
    ("left_out", "place"),
    [("source_id", "/event/sourceId"), ("timestamp", "/event/timestamp"), ("payload", "/event/payload")],
)
def test_a_field_that_is_not_set_is_missing(receiver: Receiver, left_out: str, place: str) -> None:
    sent = event("missing")
    sent.ClearField(left_out)

    refused = receiver.refused(sent)

    assert (refused.name, refused.code, refused.places) == ("INVALID_ARGUMENT", "missing_field", [place])


@pytest.mark.parametrize(
    "options", [{}, {"results_all": True}, {"atomic": True}, {"atomic": True, "results_all": True}]
)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_batch_has_the_outcome_that_it_has_over_http(receiver: Receiver, options: dict[str, Any], count: int) -> None:
    good = [client.event("parity", payload={"n": n}) for n in range(count)]
    mixed = [{**client.event("parity"), "sourceId": "a b"}, *good, {**client.event("parity"), "timestamp": "now"}]
    query = "&".join({"results_all": "results=all", "atomic": "atomic=true"}[name] for name in options)

    http = client.post(receiver.http, mixed, query=f"?{query}").json
    sent = [event(item["sourceId"], item["payload"], timestamp=item["timestamp"]) for item in mixed]
    if count and not options.get("atomic"):
        reply = receiver.client.batch(sent, **options)
        assert (reply.accepted, reply.rejected) == (http["accepted"], http["rejected"]) == (count, 2)
        assert [shown(result) for result in reply.results] == http["results"]
    else:
        with pytest.raises(grpc.RpcError) as caught:
            receiver.client.batch(sent, **options)
        refused = refusal(caught.value)
        assert (refused.name, refused.code, refused.message) == ("INVALID_ARGUMENT", http["code"], http["detail"])
        assert refused.places == [f"/events/{item['index']}{item['pointer']}" for item in http["results"]]


def shown(result: ingestion_pb2.Result) -> dict[str, Any]:
    """A result as it is written over HTTP."""
    if result.outcome == ingestion_pb2.OUTCOME_ACCEPTED:
        return {"index": result.index, "status": "accepted", "eventId": result.event_id}
    assert result.outcome == ingestion_pb2.OUTCOME_REJECTED
    told = {"code": result.code, "pointer": result.pointer, "detail": result.detail}
    return {"index": result.index, "status": "rejected", **told}


def test_a_batch_of_good_events_is_in_kafka_in_its_order(receiver: Receiver) -> None:
    first = receiver.client.batch(numbered(100, "whole"))
    # Now the source is known, and the quick path takes it.
    second = receiver.client.batch(numbered(100, "whole"), results_all=True)

    lines = receiver.of("whole")
    assert (first.accepted, second.accepted) == (100, 100)
    assert [line["payload"]["n"] for line in lines] == [*range(100), *range(100)]
    assert [line["id"] for line in lines[:100]] == [result.event_id for result in second.results]
    assert receiver.client.batch([]).accepted == 0


def test_an_atomic_batch_with_a_bad_event_leaves_nothing(receiver: Receiver) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        receiver.client.batch([event("all-or-none"), event("all-or-none", b"[]")], atomic=True)

    assert refusal(caught.value).code == "nothing_accepted"
    assert receiver.of("all-or-none") == []


def test_validate_only_checks_everything_and_publishes_nothing(receiver: Receiver) -> None:
    one = receiver.client.ingest(event("only-checked"), validate_only=True)
    some = receiver.client.batch([event("only-checked"), event("")], validate_only=True)

    assert one.event_id
    assert (some.accepted, some.rejected) == (1, 1)
    assert receiver.of("only-checked") == []


def test_a_status_of_many_bad_events_fits_into_the_trailers(receiver: Receiver) -> None:
    payload: dict[str, Any] = {"n": "\0"}
    for _ in range(4):
        payload = {"ключ" * 64: payload}

    with pytest.raises(grpc.RpcError) as caught:
        receiver.client.batch([event("many", payload)] * 500)

    refused = refusal(caught.value)
    assert refused.code == "nothing_accepted"
    assert len(refused.places) == 10


def test_too_many_events_and_too_large_ones_are_refused(receiver: Receiver) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        receiver.client.batch(numbered(1001, "too-many"))
    large = event("too-large", {"n": "x" * 256 * 1024})
    mixed = receiver.client.batch([event("fits"), large])
    struct = Struct()
    struct.update({"n": "x" * 256 * 1024})

    assert refusal(caught.value).code == "too_many_events"
    assert (receiver.refused(large).name, receiver.refused(large).code) == ("INVALID_ARGUMENT", "event_too_large")
    assert (mixed.accepted, mixed.results[0].code) == (1, "event_too_large")
    assert receiver.refused(event("too-large", payload_struct=struct)).code == "event_too_large"


def test_a_message_of_the_largest_body_is_taken_and_a_larger_one_is_not(receiver: Receiver) -> None:
    def filled(total: int) -> list[ingestion_pb2.Event]:
        return [event("large", {"n": n, "x": "x" * (total // 40 - 100)}) for n in range(40)]

    assert receiver.client.batch(filled(5 * 1024 * 1024)).accepted == 40
    with pytest.raises(grpc.RpcError) as caught:
        receiver.client.batch(filled(6 * 1024 * 1024))
    assert ended(caught.value).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_message_that_is_too_large_ends_its_stream_after_the_answers_before_it(receiver: Receiver) -> None:
    sent: queue.Queue[list[ingestion_pb2.Event]] = queue.Queue()
    sent.put([event("before-large")])
    replies = receiver.client.stream(iter(sent.get, []))

    first = next(replies)
    sent.put([event("too-large", {"n": n, "x": "x" * 200_000}) for n in range(40)])
    with pytest.raises(grpc.RpcError) as caught:
        next(replies)
    sent.put([])

    assert first.outcome.accepted == 1
    assert ended(caught.value).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert receiver.of("too-large") == []


def test_a_message_that_is_none_of_ours_is_refused(receiver: Receiver) -> None:
    for method in ("Ingest", "IngestBatch"):
        with pytest.raises(grpc.RpcError) as caught:
            receiver.client.raw(method, b"\x0a\x80")
        assert (refusal(caught.value).name, refusal(caught.value).code) == ("INVALID_ARGUMENT", "bad_request")


def test_a_call_without_a_message_is_refused(receiver: Receiver) -> None:
    call: Any = receiver.client.channel.stream_unary("/dataflow.ingest.v1.Ingestion/Ingest")

    with pytest.raises(grpc.RpcError) as caught:
        call(iter([]), timeout=5)

    assert (refusal(caught.value).name, refusal(caught.value).code) == ("INVALID_ARGUMENT", "bad_request")


def test_a_compressed_message_is_not_unpacked(receiver: Receiver) -> None:
    with grpc.insecure_channel(
        f"127.0.0.1:{receiver.site.processes[1].port}", compression=grpc.Compression.Gzip
    ) as channel:
        packed = Client.__new__(Client)
        packed.channel = channel
        with pytest.raises(grpc.RpcError) as caught:
            packed.batch([event("packed", {"n": "x" * 100_000})])
    assert ended(caught.value).code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_request_id_comes_back_and_a_trace_goes_on_with_the_record(receiver: Receiver) -> None:
    metadata = [("x-request-id", "order-66"), ("traceparent", TRACE)]
    call: Any = receiver.client.channel.unary_unary("/dataflow.ingest.v1.Ingestion/Ingest")
    request = ingestion_pb2.IngestRequest(event=event("traced"))

    _, good = call.with_call(request.SerializeToString(), metadata=metadata)
    bad = receiver.refused(event(""), metadata=metadata)
    without = receiver.refused(event(""))

    assert dict(good.trailing_metadata())["x-request-id"] == "order-66"
    assert (bad.request_id, bad.trailers["x-request-id"]) == ("order-66", "order-66")
    assert without.request_id == without.trailers["x-request-id"] != "order-66"
    [record] = [record for record in kept(receiver.site.raw_topic) if record.key == b"traced"]
    assert record.headers["traceparent"] == TRACE.encode()
    assert record.headers["dataflow-requests"] == b"0 1 0 order-66"


def test_a_stream_answers_each_batch_in_its_order(receiver: Receiver) -> None:
    batches = [numbered(3, f"stream-{n % 3}") for n in range(50)]

    replies = list(receiver.client.stream(iter(batches)))

    assert [reply.batch for reply in replies] == list(range(50))
    assert {reply.outcome.accepted for reply in replies} == {3}
    assert len(receiver.of("stream-0")) == 17 * 3


def test_a_refused_batch_does_not_end_its_stream(receiver: Receiver) -> None:
    wrong = [event("streamed", b"[]"), event("streamed", b"7")]
    batches = [numbered(1, "streamed"), wrong, numbered(1001, "streamed"), [], [*wrong, event("streamed")]]

    replies = list(receiver.client.stream(iter(batches)))

    assert [(reply.outcome.accepted, reply.outcome.rejected) for reply in replies] == [
        (1, 0),
        (0, 2),
        (0, 0),
        (0, 0),
        (1, 2),
    ]
    assert [reply.HasField("refused") for reply in replies] == [False, True, True, False, False]
    assert (read(replies[1].refused).name, read(replies[1].refused).code) == ("INVALID_ARGUMENT", "nothing_accepted")
    assert [result.code for result in replies[1].outcome.results] == ["wrong_type", "wrong_type"]
    assert read(replies[2].refused).code == "too_many_events"
    assert not replies[2].HasField("outcome")
