from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from ingestion.events.model import Event, InvalidEvent
from ingestion.events.parser import parse_event
from ingestion.problems import Code
from ingestion.tests.strategies import NOW

GIVEN_ID = "0190a6c2-7f6e-7c3a-9d5f-3f1b2a4c5d6e"
STAMP = "2026-11-24T03:15:20.123456Z"
TS = 1_795_490_120_123_456


def text_of(
    payload: str = '{"a":1}', *, stamp: str = f'"{STAMP}"', source: str = '"sensor-1"', more: str = ""
) -> bytes:
    return f'{{"sourceId":{source},"timestamp":{stamp},"payload":{payload}{more}}}'.encode(errors="surrogatepass")


def parse(text: bytes) -> Event:
    return parse_event(text, now=NOW)


def refusal(text: bytes) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        parse(text)
    return caught.value


def refused_payload(payload: str) -> tuple[Code, str]:
    error = refusal(text_of(payload))
    return error.code, error.pointer


def ts_of(stamp: str) -> int:
    return parse(text_of(stamp=stamp)).ts


def test_an_event_is_its_source_its_time_in_microseconds_and_its_payload_as_sent() -> None:
    event = parse(text_of('{"t": 23.50, "u":"°C"}'))

    assert (event.source, event.ts, event.payload) == ("sensor-1", TS, '{"t": 23.50, "u":"°C"}'.encode())


def test_line_breaks_between_values_are_taken_out_of_a_payload() -> None:
    assert parse(text_of('{\r\n "a": [1,\n2]\n}')).payload == b'{ "a": [1,2]}'


def test_a_given_id_is_kept_and_folded_to_lower_case() -> None:
    upper = GIVEN_ID.upper()

    assert parse(text_of(more=f',"eventId":"{GIVEN_ID}"')).id == GIVEN_ID
    assert parse(text_of(more=f',"eventId":"{upper}"')).id == GIVEN_ID


def test_an_id_of_null_is_an_absent_one() -> None:
    assert parse(text_of(more=',"eventId":null')) == parse(text_of())


def test_names_may_be_written_with_underscores() -> None:
    text = text_of(more=f',"event_id":"{GIVEN_ID}"').replace(b"sourceId", b"source_id")

    assert parse(text) == parse(text_of(more=f',"eventId":"{GIVEN_ID}"'))


def test_a_derived_id_is_a_uuid_of_version_8_that_starts_with_the_event_time() -> None:
    derived = UUID(parse(text_of()).id)

    assert derived.version == 8
    assert derived.variant == "specified in RFC 4122"
    assert derived.int >> 80 == TS // 1000
    assert str(derived) == parse(text_of()).id


def test_the_same_bytes_give_the_same_id_and_any_other_give_another() -> None:
    texts = [
        text_of(),
        text_of('{"a":2}'),
        text_of('{"a": 1}'),
        text_of(source='"sensor-2"'),
        text_of(stamp='"2026-11-24T03:15:20.123457Z"'),
        text_of(stamp='"2026-11-24T03:15:20.123456+00:00"'),
    ]

    ids = [parse(text).id for text in texts]
    assert len(set(ids)) == len(texts)
    assert ids == [parse(text).id for text in texts]


def test_members_in_another_order_give_the_same_event() -> None:
    members = text_of()[1:-1].split(b",")

    assert parse(b"{" + b",".join(reversed(members)) + b"}") == parse(text_of())


@pytest.mark.parametrize(
    ("stamp", "ts"),
    [
        ("2026-11-24T03:15:20Z", TS // 10**6 * 10**6),
        ("2026-11-24t03:15:20.123456z", TS),
        ("2026-11-24T03:15:20.123456999999Z", TS),
        ("2026-11-24T03:15:20.1Z", TS // 10**6 * 10**6 + 100_000),
        ("2026-11-24T05:15:20.123456+02:00", TS),
        ("2026-11-23T21:45:20.123456-05:30", TS),
        ("2026-11-24T03:15:20.123456-00:00", TS),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
    ],
)
def test_timestamps_are_rfc_3339_cut_to_microseconds(stamp: str, ts: int) -> None:
    assert ts_of(f'"{stamp}"') == ts


@pytest.mark.parametrize(
    ("stamp", "ts"),
    [
        ("0", 0),
        ("1795490120", 1_795_490_120_000_000),
        ("1795490120123", 1_795_490_120_123_000),
        ("1795490120123456", TS),
        ("1795490120123456789", TS),
        ("4999999999999", None),
        ("5000000000000", 5_000_000_000_000),
        ("4999999999", None),
        ("5000000000", 5_000_000_000_000),
        ("5000000000000000", 5_000_000_000_000),
    ],
)
def test_an_integer_timestamp_has_the_unit_that_its_size_tells(stamp: str, ts: int | None) -> None:
    if ts is not None:
        assert ts_of(stamp) == ts
        return
    assert refusal(text_of(stamp=stamp)).code is Code.INVALID_TIMESTAMP


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-11-24T03:15:60Z",
        "2026-11-24T24:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-24T03:15:20",
        "2026-11-24",
        "",
        "2026-11-24 03:15:20Z",
        "2026-11-24T03:15:20,5Z",
        "2026-11-24T03:15:20.Z",
        "20261124T031520Z",
        "2026-W48-1T00:00:00Z",
        "2026-11-24T03:15:20+24:00",
        "2026-11-24T03:15:20+01:60",
        "2026-11-24T03:15:20+0100",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "2026-11-25T06:00:00.000001Z",
        "\uff12026-11-24T03:15:20Z",
        "1795490120",
    ],
)
def test_any_other_text_is_no_timestamp(stamp: str) -> None:
    error = refusal(text_of(stamp=f'"{stamp}"'))

    assert (error.code, error.pointer) == (Code.INVALID_TIMESTAMP, "/timestamp")


def test_an_event_may_be_a_day_ahead_of_our_clock_to_the_microsecond() -> None:
    assert ts_of('"2026-11-25T06:00:00Z"') == NOW + 24 * 3600 * 10**6


@pytest.mark.parametrize("stamp", ["-1", "9" * 30, "9" * 4000, "9" * 5000, "-9223372036854775809"])
def test_an_integer_timestamp_out_of_range_is_refused(stamp: str) -> None:
    assert refusal(text_of(stamp=stamp)).code is Code.INVALID_TIMESTAMP


@pytest.mark.parametrize("stamp", ["true", "1795490120.0", "1795490120e0", "null", "[]", "{}"])
def test_a_timestamp_of_another_type_is_refused(stamp: str) -> None:
    error = refusal(text_of(stamp=stamp))

    assert (error.code, error.pointer) == (Code.WRONG_TYPE, "/timestamp")


@pytest.mark.parametrize("source", ["a", "A" * 128, "site:7/x".replace("/", "-"), "0._:-"])
def test_source_ids_of_the_form_are_taken(source: str) -> None:
    assert parse(text_of(source=f'"{source}"')).source == source


@pytest.mark.parametrize("source", ["", "A" * 129, "-a", ".a", "a b", "a/b", "é", "a\\n", "a\\u0000", "\\ud800"])
def test_source_ids_of_another_form_are_refused(source: str) -> None:
    error = refusal(text_of(source=f'"{source}"'))

    assert (error.code, error.pointer) == (Code.INVALID_SOURCE_ID, "/sourceId")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        "00000000-0000-0000-0000-000000000000",
        GIVEN_ID.replace("-", ""),
        "{" + GIVEN_ID + "}",
        GIVEN_ID + "\\n",
    ],
)
def test_an_id_that_is_no_canonical_uuid_is_refused(given: str) -> None:
    error = refusal(text_of(more=f',"eventId":"{given}"'))

    assert (error.code, error.pointer) == (Code.INVALID_EVENT_ID, "/eventId")


@pytest.mark.parametrize("name", ["sourceId", "timestamp", "payload"])
def test_each_of_three_fields_is_required(name: str) -> None:
    members: dict[str, Any] = json.loads(text_of())
    del members[name]

    error = refusal(json.dumps(members).encode())
    assert (error.code, error.pointer) == (Code.MISSING_FIELD, f"/{name}")


@pytest.mark.parametrize(
    ("text", "code", "pointer"),
    [
        (text_of(more=',"x":1'), Code.UNKNOWN_FIELD, "/x"),
        (text_of(more=',"a/b~c":1'), Code.UNKNOWN_FIELD, "/a~1b~0c"),
        (text_of(more=',"payload":{}'), Code.DUPLICATE_KEY, "/payload"),
        (text_of(more=',"p\\u0061yload":{}'), Code.DUPLICATE_KEY, "/payload"),
        (text_of(more=',"source_id":"b"'), Code.DUPLICATE_KEY, "/source_id"),
        (text_of(source="7"), Code.WRONG_TYPE, "/sourceId"),
        (text_of(source="null"), Code.WRONG_TYPE, "/sourceId"),
        (text_of("[]"), Code.WRONG_TYPE, "/payload"),
        (text_of("null"), Code.WRONG_TYPE, "/payload"),
        (text_of(more=',"eventId":7'), Code.WRONG_TYPE, "/eventId"),
        (b"[]", Code.NOT_AN_EVENT, ""),
        (b"7", Code.NOT_AN_EVENT, ""),
        (b"null", Code.NOT_AN_EVENT, ""),
    ],
)
def test_what_is_wrong_with_the_fields_is_named_with_its_place(text: bytes, code: Code, pointer: str) -> None:
    error = refusal(text)

    assert (error.code, error.pointer) == (code, pointer)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        text_of()[:-1],
        text_of() + b"x",
        text_of() + text_of(),
        b"\xef\xbb\xbf" + text_of(),
        b"\x00",
        text_of().decode().encode("utf-16"),
        text_of('{"a":"\udc80"}'),
        b'{"sourceId":"\xff"}',
        text_of('{"a":01}'),
        text_of('{"a":NaN}'),
        text_of('{"a":Infinity}'),
        text_of('{"a":-Infinity}'),
        text_of("{'a':1}"),
        text_of('{"a":1,}'),
        text_of('{"a":"\n"}'),
        text_of('{"a":"\x00"}'),
        text_of('{"a":+1}'),
        text_of('{"a":.5}'),
        text_of('{"a":"\\x41"}'),
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"[" * 200_000 + b"]" * 199_999,
    ],
)
def test_what_is_not_json_is_called_so(text: bytes) -> None:
    assert refusal(text).code is Code.NOT_JSON


@pytest.mark.parametrize(
    ("payload", "code", "pointer"),
    [
        ('{"a":1,"a":1}', Code.DUPLICATE_KEY, "/payload/a"),
        ('{"a":1,"\\u0061":1}', Code.DUPLICATE_KEY, "/payload/a"),
        ('{"a":":","a":"\\u003a"}', Code.DUPLICATE_KEY, "/payload/a"),
        ('{"a":"\\u003a\\u003A","b":1,"b":2}', Code.DUPLICATE_KEY, "/payload/b"),
        ('{"a":{"b":[{"c":1,"c":2}]}}', Code.DUPLICATE_KEY, "/payload/a/b/0/c"),
        ('{"a":"\\u0000"}', Code.INVALID_TEXT, "/payload/a"),
        ('{"a":[1,"x\\u0000"]}', Code.INVALID_TEXT, "/payload/a/1"),
        ('{"a\\u0000":1}', Code.INVALID_TEXT, "/payload/a\ufffd"),
        ('{"a":"\\ud800"}', Code.INVALID_TEXT, "/payload/a"),
        ('{"a":"\\ude00\\ud83d"}', Code.INVALID_TEXT, "/payload/a"),
        ('{"\\ud800":1}', Code.INVALID_TEXT, "/payload/?"),
        ('{"a":9223372036854775808}', Code.NUMBER_OUT_OF_RANGE, "/payload/a"),
        ('{"a":[-9223372036854775809]}', Code.NUMBER_OUT_OF_RANGE, "/payload/a/0"),
        ('{"a":1e400}', Code.NUMBER_OUT_OF_RANGE, "/payload/a"),
        ('{"a":-1e309}', Code.NUMBER_OUT_OF_RANGE, "/payload/a"),
        ('{"a":1e-5000}', Code.NUMBER_OUT_OF_RANGE, "/payload/a"),
        ('{"a":0e99999}', Code.NUMBER_OUT_OF_RANGE, "/payload/a"),
        ('{"a":[[0E-99999]]}', Code.NUMBER_OUT_OF_RANGE, "/payload/a/0/0"),
        ('{"a":' + "9" * 4000 + "}", Code.NUMBER_OUT_OF_RANGE, "/payload/a"),
        ('{"a":' + "9" * 100_000 + "}", Code.NUMBER_OUT_OF_RANGE, "/payload/a"),
        ('{"a":0.' + "1" * 600 + "}", Code.NUMBER_OUT_OF_RANGE, "/payload/a"),
        ('{"' + "k" * 257 + '":1}', Code.KEY_TOO_LONG, "/payload"),
        ('{"a":{"' + "é" * 257 + '":1}}', Code.KEY_TOO_LONG, "/payload/a"),
    ],
)
def test_what_no_store_could_keep_is_named_with_its_place(payload: str, code: Code, pointer: str) -> None:
    assert refused_payload(payload) == (code, pointer)


@pytest.mark.parametrize(
    "payload",
    [
        "{}",
        '{"a":-0,"b":-0.0,"c":9223372036854775807,"d":-9223372036854775808,"e":1e308,"f":5e-324,"g":1e-400}',
        '{"a":1E+2,"b":0.' + "1" * 500 + "}",
        '{"' + "é" * 256 + '":"\\ud83d\\ude00"}',
        '{"a":{"a":1},"b":[{"a":1}],"":"a:b","$set":"\\u003a"}',
        '{"a":"\\\\u0000"}',
    ],
)
def test_a_payload_at_the_limits_is_taken_as_sent(payload: str) -> None:
    assert parse(text_of(payload)).payload == payload.encode()


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_a_payload_may_be_32_levels_deep_and_no_deeper(opening: str, closing: str) -> None:
    def nested(depth: int) -> str:
        return '{"x":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}"

    assert parse(text_of(nested(32))).payload == nested(32).encode()
    assert refused_payload(nested(33))[0] is Code.TOO_DEEP
    assert refused_payload(nested(200_000))[0] is Code.TOO_DEEP


@pytest.mark.parametrize("nested", [False, True])
def test_a_payload_may_have_1000_keys_over_all_levels_and_no_more(nested: bool) -> None:
    def keys(count: int) -> str:
        flat = "{" + ",".join(f'"k{i}":{i}' for i in range(count - nested)) + "}"
        return '{"in":' + flat + "}" if nested else flat

    assert parse(text_of(keys(1000))).payload == keys(1000).encode()
    assert refused_payload(keys(1001)) == (Code.TOO_MANY_KEYS, "/payload")


def test_an_error_never_repeats_the_value() -> None:
    for text in (
        text_of(source='"se cret"'),
        text_of(stamp='"secret"'),
        text_of("1234567890123"),
        text_of('{"a":"secret\\u0000"}'),
        text_of(more=',"eventId":"secret"'),
        b'{"secret',
    ):
        assert "ecret" not in refusal(text).detail
