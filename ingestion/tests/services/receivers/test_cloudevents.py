from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from cloudevents.core.bindings import http as bindings
from cloudevents.core.v1.event import CloudEvent

from deploy.testing.deployment import Deployment
from ingestion.events.batch import BatchLimits, ParsedBatch
from ingestion.events.model import Event
from ingestion.models import Source
from ingestion.problems import RequestRejected
from ingestion.receivers.http import cloudevents
from ingestion.tests.client import Reply, call
from ingestion.tests.conftest import open_receiver
from ingestion.tests.topic import events

LIMITS = BatchLimits()
NOW = 1_800_000_000_000_000  # microseconds
APRIL = 1_522_949_460_000_000  # 2018-04-05T17:31:00Z

# The examples of https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md, section 3.2,
# each in both modes, and the payload that they stand for.
COMMON = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "source": "/mycontext",
    "time": "2018-04-05T17:31:00Z",
    "comexampleextension1": "value",
    "comexampleothervalue": 5,
}
EXAMPLES: dict[str, tuple[dict[str, Any], bytes, Any]] = {
    "bytes": (
        {"id": "A234", "datacontenttype": "application/vnd.apache.thrift.binary", "data_base64": "AAEC/w=="},
        b"\x00\x01\x02\xff",
        {"data_base64": "AAEC/w=="},
    ),
    "XML": (
        {"id": "B234", "unsetextension": None, "datacontenttype": "application/xml", "data": '<much wow="xml"/>'},
        b'<much wow="xml"/>',
        {"data": '<much wow="xml"/>'},
    ),
    "a JSON object": (
        {"id": "C234", "subject": None, "datacontenttype": "application/json", "data": {"a": "abc", "b": 123}},
        b'{"a" : "abc",\n "b" : 123}',
        {"a": "abc", "b": 123},
    ),
    "a JSON string": (
        {"id": "D234", "subject": None, "data": "I'm just a string"},
        b'"I\'m just a string"',
        {"data": "I'm just a string"},
    ),
}


def structured(**changes: Any) -> ParsedBatch:
    """Parse the common attributes with these changes; null takes one away."""
    event = {**COMMON, "id": "1", **changes}
    text = json.dumps(event).encode()
    return cloudevents.parse_structured(text, now=NOW, limits=LIMITS)


def only(batch: ParsedBatch) -> Event:
    assert batch.rejected == []
    [event] = batch.events
    return event


def headers(attributes: dict[str, Any]) -> dict[bytes, bytes]:
    content = attributes.get("datacontenttype", "application/json")
    names = {f"ce-{name}": str(value) for name, value in attributes.items() if name != "datacontenttype"}
    return {name.encode(): value.encode() for name, value in {**names, "content-type": content}.items()}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_of_the_specification_are_read_alike_in_both_modes(
    example: tuple[dict[str, Any], bytes, Any],
) -> None:
    own, body, payload = example
    text = json.dumps({**COMMON, **own}).encode()
    attributes = {
        name: value
        for name, value in {**COMMON, **own}.items()
        if value is not None and name not in {"data", "data_base64"}
    }

    whole = only(cloudevents.parse_structured(text, now=NOW, limits=LIMITS))
    split = only(cloudevents.parse_binary(body, headers(attributes), now=NOW, limits=LIMITS))

    assert json.loads(whole.payload) == json.loads(split.payload) == payload
    assert (whole.id, whole.source, whole.ts, whole.timed) == (split.id, split.source, APRIL, True)
    assert json.loads(whole.attributes) == attributes


def test_the_batch_of_the_specification_is_two_events() -> None:
    first = {**COMMON, "source": "/mycontext/4", "id": "B234", "datacontenttype": "x/y", "data_base64": "AAE="}
    second = {**COMMON, "source": "/mycontext/9", "id": "C234", "data": {"appinfoA": "abc"}}

    batch = cloudevents.parse_batch(json.dumps([first, second]).encode(), now=NOW, limits=LIMITS)
    empty = cloudevents.parse_batch(b"[]", now=NOW, limits=LIMITS)

    assert [json.loads(event.payload) for event in batch.events] == [{"data_base64": "AAE="}, {"appinfoA": "abc"}]
    assert len({event.source for event in batch.events}) == 2
    assert (empty.events, empty.rejected, empty.single) == ([], [], False)


def test_the_id_follows_from_source_and_id_alone() -> None:
    first, again = only(structured()), only(structured(time=None, data={"other": 1}))

    assert first.id == again.id
    assert first.id[14] == "8"
    assert (again.ts, again.timed) == (NOW, False)
    assert only(structured(id="2")).id != first.id
    assert only(structured(source="/other")).id != first.id


def test_a_source_of_our_form_stays_and_any_other_is_made_one_and_keeps_its_name() -> None:
    plain = only(structured(source="sensor-1"))
    address = only(structured(source="https://example.com/a b/ü"))

    assert plain.source == "sensor-1"
    assert address.source.startswith("https:-example.com-a-b-")
    assert cloudevents.labels([plain, address]) == {address.source: {cloudevents.LABEL: "https://example.com/a b/ü"}}


@pytest.mark.parametrize(
    ("sent", "read"),
    [(b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"), (rb'"a \"b\" c"', 'a "b" c'), (b"%41", "A"), (b"a", "a")],
)
def test_header_values_lose_their_quotes_and_percent_encoding(sent: bytes, read: str) -> None:
    head = headers({**COMMON, "id": "1"}) | {b"ce-subject": sent}

    event = only(cloudevents.parse_binary(b"{}", head, now=NOW, limits=LIMITS))

    assert json.loads(event.attributes)["subject"] == read


def test_headers_that_are_not_utf_8_are_refused() -> None:
    head = headers({**COMMON, "id": "1"}) | {b"ce-subject": b"%C0%A0"}

    batch = cloudevents.parse_binary(b"{}", head, now=NOW, limits=LIMITS)

    assert [(item.code, item.pointer) for item in batch.rejected] == [("invalid_attribute", "/subject")]


def test_binary_data_that_is_said_to_be_json_and_is_not_is_no_event() -> None:
    with pytest.raises(RequestRejected) as refused:
        cloudevents.parse_binary(b"I am", headers({**COMMON, "id": "1"}), now=NOW, limits=LIMITS)

    assert refused.value.code == "not_json"


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"id": None}, "missing_field", "/id"),
        ({"type": None}, "missing_field", "/type"),
        ({"source": ""}, "invalid_attribute", "/source"),
        ({"subject": ""}, "invalid_attribute", "/subject"),
        ({"subject": 7}, "wrong_type", "/subject"),
        ({"dataschema": ""}, "invalid_attribute", "/dataschema"),
        ({"dataschema": "/schemas/relative"}, "invalid_attribute", "/dataschema"),
        ({"dataschema": "urn:a b"}, "invalid_attribute", "/dataschema"),
        ({"datacontenttype": ""}, "invalid_attribute", "/datacontenttype"),
        ({"datacontenttype": "json"}, "invalid_attribute", "/datacontenttype"),
        ({"datacontenttype": "text/plain; charset"}, "invalid_attribute", "/datacontenttype"),
        ({"time": ""}, "invalid_attribute", "/time"),
        ({"id": 7}, "wrong_type", "/id"),
        ({"specversion": "0.3"}, "invalid_attribute", "/specversion"),
        ({"specversion": None}, "missing_field", "/specversion"),
        ({"time": "yesterday"}, "invalid_timestamp", "/time"),
        ({"time": "2999-01-01T00:00:00Z"}, "invalid_timestamp", "/time"),
        # A check that tries all ways to split the blanks would take minutes.
        ({"datacontenttype": "a/b" + " " * 200_000 + "x"}, "invalid_attribute", "/datacontenttype"),
        ({"datacontenttype": "a/b" + " ;" * 100_000 + "x"}, "invalid_attribute", "/datacontenttype"),
        ({"dataschema": "a:" + "%" * 200_000}, "invalid_attribute", "/dataschema"),
        ({"MyExtension": "x"}, "invalid_attribute", "/MyExtension"),
        ({"ext": {"a": 1}}, "invalid_attribute", "/ext"),
        ({"ext": 2**31}, "invalid_attribute", "/ext"),
        ({"ext": 1.5}, "invalid_attribute", "/ext"),
        ({"ext": "a\u0000b"}, "invalid_text", "/ext"),
        ({"ext": "a\nb"}, "invalid_attribute", "/ext"),
        ({"data_base64": "*"}, "invalid_attribute", "/data_base64"),
        ({"data": 1, "data_base64": "AA=="}, "unknown_field", "/data_base64"),
        ({"data": {"n": 2**63}}, "number_out_of_range", "/data/n"),
        ({"data": ["\ud800"]}, "invalid_text", "/data/0"),
        ({"ext": "\ud800", "data": {}}, "invalid_text", "/ext"),
        ({"\ud800": None, "data": {}}, "invalid_attribute", "/?"),
    ],
)
def test_what_is_no_cloudevent_is_refused_by_place(changes: dict[str, Any], code: str, pointer: str) -> None:
    assert [(item.code, item.pointer) for item in structured(**changes).rejected] == [(code, pointer)]


@pytest.mark.parametrize(
    "attributes",
    [
        {"subject": " ", "extension": ""},
        {"dataschema": "urn:schema:1"},
        {"dataschema": "https://example.com/schema.json#a"},
        {"datacontenttype": 'text/plain; charset="utf-8"; format=flowed'},
        {"datacontenttype": "application/vnd.example+json;"},
    ],
)
def test_optional_attributes_of_their_form_are_kept(attributes: dict[str, Any]) -> None:
    kept = json.loads(only(structured(**attributes)).attributes)

    assert {name: kept[name] for name in attributes} == attributes


def test_a_key_that_stands_twice_is_refused_in_envelope_and_data() -> None:
    text = json.dumps({**COMMON, "id": "1"})[:-1]

    twice = cloudevents.parse_structured(f'{text},"id":"2"}}'.encode(), now=NOW, limits=LIMITS)
    inside = cloudevents.parse_structured(f'{text},"data":{{"a":1,"a":2}}}}'.encode(), now=NOW, limits=LIMITS)

    assert [item.pointer for item in (*twice.rejected, *inside.rejected)] == ["/id", "/data/a"]


# --- over the wire ---


def send(url: str, message: Any) -> Reply:
    """Send a message that the CloudEvents library has made."""
    return call(url, "POST", "/ingest", message.body, message.headers)


@pytest.mark.services
def test_events_of_the_cloudevents_library_are_taken_in_every_mode(site: Deployment) -> None:
    receiver = open_receiver(site)
    event = CloudEvent(attributes={"type": "t", "source": "/lib", "id": "1"}, data={"message": "hello"})
    batch = f"[{bindings.to_structured_event(event).body.decode()}]".encode()

    replies = [
        send(receiver.url, bindings.to_structured_event(event)),
        send(receiver.url, bindings.to_binary_event(event)),
        call(receiver.url, "POST", "/ingest", batch, {"Content-Type": "application/cloudevents-batch+json"}),
    ]

    assert [reply.status for reply in replies] == [202, 202, 202]
    lines = events(site.raw_topic)
    assert {(line["source"], line["id"]) for line in lines} == {(lines[0]["source"], replies[0].json["eventId"])}
    assert [line["payload"] for line in lines] == [{"message": "hello"}] * 3
    site.wait_for(lambda: Source.objects.filter(labels={cloudevents.LABEL: "/lib"}).exists(), 10)


@pytest.mark.services
def test_a_batch_of_cloudevents_says_which_were_refused_and_what_form_is_not_taken(site: Deployment) -> None:
    receiver = open_receiver(site)
    batch = json.dumps([{**COMMON, "id": "1"}, {**COMMON}]).encode()
    media = "application/cloudevents-batch+json; charset=UTF-8"

    twice = http.client.HTTPConnection(urlsplit(receiver.url).netloc)
    twice.putrequest("POST", "/ingest")
    for name, value in [*headers({**COMMON, "id": "1"}).items(), (b"ce-id", b"2"), (b"content-length", b"2")]:
        twice.putheader(name, value)
    twice.endheaders(b"{}")
    refused = twice.getresponse()
    assert (refused.status, json.loads(refused.read())["code"]) == (400, "invalid_header")
    twice.close()
    asked = {"WebHook-Request-Origin": "events.example.com", "WebHook-Request-Rate": "120"}
    handshake = call(receiver.url, "OPTIONS", "/ingest", None, asked)
    assert (handshake.status, handshake.body, handshake.headers["allow"]) == (200, b"", "POST")
    assert handshake.headers["webhook-allowed-origin"] == "events.example.com"
    assert handshake.headers["webhook-allowed-rate"] == "*"
    assert call(receiver.url, "OPTIONS", "/ingest").status == 405

    mixed = call(receiver.url, "POST", "/ingest", batch, {"Content-Type": media})
    checked = call(receiver.url, "POST", "/ingest/validate", batch, {"Content-Type": media})
    avro = call(receiver.url, "POST", "/ingest", b"x", {"Content-Type": "application/cloudevents+avro"})

    assert (mixed.status, mixed.json["accepted"], checked.status) == (207, 1, 207)
    assert [(item["index"], item["code"], item["pointer"]) for item in mixed.json["results"]] == [
        (1, "missing_field", "/id")
    ]
    assert (avro.status, avro.code) == (415, "unsupported_media_type")
