"""An event of a message means what the same event means as JSON, whatever path reads it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.acceptance.caller import Caller
from ingestion.auth.api_keys import ANYONE
from ingestion.events import parser
from ingestion.events.batch import BatchLimits, ParsedBatch
from ingestion.events.identity import source_ids
from ingestion.events.model import Event, InvalidEvent
from ingestion.problems import Code, RequestRejected
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc import accept_batch
from ingestion.receivers.grpc.messages import parse_events, protobuf_json, wire_fields
from ingestion.tests import strategies

QUICK_ENOUGH = settings(deadline=timedelta(seconds=2))
SOURCE = "sensor-1"
STAMP = "2026-11-24T03:15:20Z"
STRUCTS = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(autouse=True)
def _known() -> None:
    """The quick path takes sources that were seen."""
    source_ids.remember(SOURCE)


def read(*payloads: bytes, stamp: str = STAMP) -> ParsedBatch:
    sent = [ingestion_pb2.Event(source_id=SOURCE, timestamp=stamp, payload=payload) for payload in payloads]
    return parse_events.batch(sent, now=strategies.NOW, limits=BatchLimits())


def as_json(payload: bytes, stamp: str = STAMP) -> Event | Code:
    text = b'{"sourceId":"%b","timestamp":%b,"payload":%b}' % (SOURCE.encode(), json.dumps(stamp).encode(), payload)
    try:
        return parser.parse_event(text, now=strategies.NOW)
    except InvalidEvent as error:
        return error.code


@QUICK_ENOUGH
@given(st.lists(strategies.payloads, min_size=1, max_size=4))
@example([b'{"a":"\\u0000"}', b'{"a":1,"a":2}'])
@example([b'{"a":1}\n', b'\n{\n"a"\r\n:1}'])
@example([b'{"a":"b:c"}', b'{"a":{"b":1}}'])
def test_events_of_a_message_mean_what_they_mean_as_json(payloads: list[bytes]) -> None:
    batch = read(*payloads)

    found: dict[int, Event | Code] = {item.index: item.code for item in batch.rejected}
    positions = range(len(payloads)) if batch.indexes is None else batch.indexes
    found |= dict(zip(positions, batch.events, strict=True))
    assert [found[index] for index in range(len(payloads))] == [as_json(payload) for payload in payloads]


@QUICK_ENOUGH
@given(
    st.text(max_size=12)
    | st.sampled_from(["2026-11-24T03:15:20.5+02:00", "2026-11-24T03:15:20Z\n2026-11-24T03:15:20Z"])
)
def test_a_timestamp_of_a_message_means_what_it_means_as_json(stamp: str) -> None:
    batch = read(b'{"a":1}', stamp=stamp)

    assert [*batch.events, *[item.code for item in batch.rejected]] == [as_json(b'{"a":1}', stamp)]


@QUICK_ENOUGH
@given(st.dictionaries(st.text(max_size=3), STRUCTS, max_size=4))
def test_a_struct_comes_out_with_the_values_that_it_has(values: dict[str, object]) -> None:
    text = protobuf_json.struct_text(_struct(values))

    assert json.loads(text) == values
    assert text == protobuf_json.struct_text(_struct(dict(reversed(values.items()))))


def _struct(values: dict[str, object]) -> Struct:
    return Struct(fields={key: _value(value) for key, value in values.items()})


def _value(value: object) -> Value:
    match value:
        case None:
            return Value(null_value=0)  # type: ignore[arg-type]
        case bool():
            return Value(bool_value=value)
        case int() | float():
            return Value(number_value=value)
        case str():
            return Value(string_value=value)
        case list():
            return Value(list_value=ListValue(values=[_value(item) for item in value]))
        case dict():
            return Value(struct_value=_struct(value))
    raise AssertionError(value)


def test_common_events_take_the_quick_path() -> None:
    sent = [ingestion_pb2.Event(source_id=SOURCE, timestamp=STAMP, payload=b'{"n":%d}' % n) for n in range(3)]
    instants = [
        ingestion_pb2.Event(source_id=SOURCE, timestamp_instant={"seconds": 1}, payload_struct=_struct({"n": 1}))
    ]

    for each in (sent, instants):
        assert (
            parse_events._quickly(
                each, [event.payload for event in each], now=strategies.NOW, limits=BatchLimits(), single=False
            )
            is not None
        )


@given(st.binary(max_size=60))
def test_no_bytes_break_the_count_of_fields(message: bytes) -> None:
    assert 0 <= wire_fields.count(message, most=5) <= 6


def test_fields_are_counted_as_they_are_decoded() -> None:
    request = ingestion_pb2.IngestBatchRequest(
        events=[ingestion_pb2.Event(source_id="s" * n) for n in range(200)], atomic=True
    )
    further = b"\x29" + bytes(8) + b"\x2d" + bytes(4)  # of kinds that the message does not have

    assert wire_fields.count(request.SerializeToString() + further, most=1_000) == 203
    assert wire_fields.count(request.SerializeToString(), most=100) == 101


def test_a_flood_of_empty_events_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(RequestRejected) as caught:
        accept_batch.decoded_batch(b"\x0a\x00" * 2_000_000, Caller(ANYONE, None))

    assert caught.value.code is Code.TOO_MANY_EVENTS
