"""The time to parse a body is bounded by its length, and long parses are divided into short steps."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.acceptance.long_parses import LOOP_COST
from ingestion.events.batch import BatchLimits, ParsedBatch
from ingestion.events.steps import Parsing, Steps
from ingestion.problems import Code, RequestRejected
from ingestion.receivers.http import body_parsers, cloudevents
from ingestion.receivers.influx import line_protocol, points

LIMITS = BatchLimits()
NOW = 1_800_000_000_000_000  # microseconds
MAX_MICROSECONDS = 15.0  # of CPU for a byte; some 1 on a quiet machine, and a busy one is several times slower
MAX_BODY = 5 * 1024 * 1024


def in_steps(found: ParsedBatch | Steps) -> Steps:
    return found if isinstance(found, ParsedBatch) else (yield from found)


def as_json(body: bytes) -> Steps:
    return in_steps(body_parsers.json_steps(body, now=NOW, limits=LIMITS))


def as_lines(body: bytes) -> Steps:
    return in_steps(body_parsers.ndjson_steps(body, now=NOW, limits=LIMITS))


def as_cloudevents(body: bytes) -> Steps:
    return cloudevents.batch_steps(body, now=NOW, limits=LIMITS)


def as_points(body: bytes) -> Steps:
    return points.read_steps(line_protocol.lines(body), points.LineSettings(1, NOW, LIMITS))


PARSERS = [as_json, as_lines, as_cloudevents, as_points]


def cost(parse: Callable[[bytes], Steps], body: bytes) -> tuple[float, Code | None]:
    """CPU seconds of this thread, and the code of a refusal."""
    began = time.thread_time()
    code = None
    try:
        for _ in parse(body):
            pass
    except RequestRejected as refusal:
        code = refusal.code
    return time.thread_time() - began, code


@pytest.mark.parametrize(
    ("opening", "unit", "ending"),
    [
        (b"[[1", b",1", b"]]"),
        (b"[[[]", b",[]", b"]]"),
        (b"[", b'{"":[', b""),
        (b"[", b"[", b""),
        (b'[{"a":"', b"\\\\", b'"}]'),
        (b"\n", b"\n", b""),
    ],
)
def test_one_long_item_of_five_megabytes_costs_little(opening: bytes, unit: bytes, ending: bytes) -> None:
    body = opening + unit * ((MAX_BODY - 20) // len(unit)) + ending

    for parse in PARSERS[:3]:
        assert cost(parse, body)[0] < 3.0


def test_an_item_that_is_too_deep_and_too_long_ends_the_scan() -> None:
    assert cost(as_json, b"[" + b'{"":[' * (MAX_BODY // 6))[1] is Code.EVENT_TOO_LARGE


def test_a_deep_item_costs_only_itself() -> None:
    good = b'{"sourceId":"a","timestamp":1,"payload":{}}'
    deep = b'{"":[' * 2_000 + b"1" + b"]}" * 2_000

    batch = body_parsers.parse_json(b"[" + b", ".join([good, deep, good]) + b"]", now=NOW, limits=LIMITS)

    assert [(item.index, item.code) for item in batch.rejected] == [(1, Code.TOO_DEEP)]
    assert len(batch.events) == 2


_opening = st.sampled_from(
    [b"[", b"{", b'{"":', b'{"":[', b'[{"a":', b"[[],", b'"', b'\\"', b"[1,", b"a,b=", b'a b="', b"\n"]
)
_unit = st.sampled_from(
    [b"1", b"[]", b"{}", b'""', b'"":1', b"1e5", b"null", b'\\"', b"\\u0000", b" ", b"/", b"a f=1", b"b=1"]
)


@given(_opening, st.sampled_from([1, 30, 1_200]), _unit, st.sampled_from([b",", b"\n", b"", b":", b" "]), st.booleans())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_time_to_parse_grows_no_faster_than_the_body(
    opening: bytes, depth: int, unit: bytes, separator: bytes, closed: bool
) -> None:
    inner = separator.join([unit] * (8_000 // (len(unit) + len(separator))))
    closing = {ord("["): b"]", ord("{"): b"}"}
    ends = b"".join([closing.get(byte, b"") for byte in reversed(opening)]) * depth if closed else b""
    text = opening * depth + inner + ends
    event = b'{"sourceId":"a","timestamp":1,"payload":{"a":%b}}' % text

    for body in (text, event, b"[" + b",".join([event] * 5) + b"]"):
        for parse in PARSERS:
            assert cost(parse, body)[0] < 0.05 + len(body) * MAX_MICROSECONDS / 1e6


def test_what_is_left_after_the_bytes_of_the_event_loop_is_told() -> None:
    short = b'[{"sourceId":"a","timestamp":1,"payload":[]}]'
    long = b'[{"sourceId":"a","timestamp":1,"payload":[%b]}]' % b",".join([b"1"] * LOOP_COST)

    assert Parsing(as_json(short)).advance(LOOP_COST) is not None
    parsing = Parsing(as_json(long))
    assert parsing.advance(LOOP_COST) is None
    rest = parsing.advance(LOOP_COST, force=True)
    assert rest is not None
    assert [item.code for item in rest.rejected] == [Code.WRONG_TYPE]


def test_a_thousand_common_events_of_new_sources_do_not_leave_the_event_loop() -> None:
    payload = b'{"temperature":23.5,"humidity":40.1,"pressure":1013.25,"status":"ok"}'
    one = b'{"sourceId":"new-%d","timestamp":"2026-01-01T00:00:00.000000Z","payload":%b}'
    events = [one % (number, payload) for number in range(1_000)]

    for parse, body in ((as_json, b"[" + b",".join(events) + b"]"), (as_lines, b"\n".join(events))):
        batch = Parsing(parse(body)).advance(LOOP_COST)
        assert batch is not None
        assert len(batch.events) == 1_000
