from __future__ import annotations

import json
import math
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.events.batch import BatchLimits, ParsedBatch
from ingestion.events.model import SOURCE_ID_PATTERN, Event, InvalidEvent
from ingestion.receivers.influx import line_protocol, points
from ingestion.receivers.influx.points import LineSettings
from ingestion.tests.strategies import NOW

TERMS = LineSettings(1, NOW, BatchLimits())
ID = "0190a6c2-7f6e-7c3a-9d5f-3f1b2a4c5d6e"


def said(line: str) -> tuple[str, dict[str, str], dict[str, Any], int | None]:
    """Measurement, tags, values and time of one line."""
    parsed = line_protocol.parse(line.encode())
    values = {key: json.loads(value) for key, value in parsed.fields.items()}
    return parsed.measurement, parsed.tags, values, parsed.stamp


def read(body: str | bytes, **changes: Any) -> ParsedBatch:
    """What a body's lines become."""
    text = body.encode() if isinstance(body, str) else body
    return points.read(line_protocol.lines(text), TERMS._replace(**changes))


def only(body: str, **changes: Any) -> Event:
    """The event that a line is."""
    [event] = read(body, **changes).events
    return event


@pytest.mark.parametrize(
    ("stamp", "nanoseconds"),
    [
        (1_700_000_000, 1_700_000_000_000_000_000),
        (1_700_000_000_123, 1_700_000_000_123_000_000),
        (1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (0, 0),
    ],
)
def test_the_precision_auto_is_read_from_the_magnitude(stamp: int, nanoseconds: int) -> None:
    new_series, known_series = (only(f"auto v=1 {stamp}", unit=points.AUTO) for _ in range(2))

    assert new_series == known_series == only(f"auto v=1 {nanoseconds}")


# The examples of https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
EXAMPLES: list[tuple[str, tuple[str, dict[str, str], dict[str, Any], int | None]]] = [
    (
        'myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000',
        ("myMeasurement", {"tag1": "value1", "tag2": "value2"}, {"fieldKey": "fieldValue"}, 1556813561098000000),
    ),
    ("myMeasurement fieldKey=1.0", ("myMeasurement", {}, {"fieldKey": 1.0}, None)),
    ("myMeasurement fieldKey=1", ("myMeasurement", {}, {"fieldKey": 1}, None)),
    ("myMeasurement fieldKey=-1.234456e+78", ("myMeasurement", {}, {"fieldKey": -1.234456e78}, None)),
    ("myMeasurement fieldKey=-12485903i", ("myMeasurement", {}, {"fieldKey": -12485903}, None)),
    ("m f=-9223372036854775808i,g=9223372036854775807i", ("m", {}, {"f": -(2**63), "g": 2**63 - 1}, None)),
    ("myMeasurement fieldKey=12485903u", ("myMeasurement", {}, {"fieldKey": 12485903}, None)),
    ('myMeasurement fieldKey="this is a string"', ("myMeasurement", {}, {"fieldKey": "this is a string"}, None)),
    (r'my\ Measurement fieldKey="string value"', ("my Measurement", {}, {"fieldKey": "string value"}, None)),
    (
        r'myMeasurement fieldKey="\"string\" within a string"',
        ("myMeasurement", {}, {"fieldKey": '"string" within a string'}, None),
    ),
    (
        r"myMeasurement,tag\ Key1=tag\ Value1,tag\ Key2=tag\ Value2 fieldKey=100",
        ("myMeasurement", {"tag Key1": "tag Value1", "tag Key2": "tag Value2"}, {"fieldKey": 100}, None),
    ),
    (
        'myMeasurement,tagKey=🍭 fieldKey="Launch 🚀" 1556813561098000000',
        ("myMeasurement", {"tagKey": "🍭"}, {"fieldKey": "Launch 🚀"}, 1556813561098000000),
    ),
]


@pytest.mark.parametrize(("line", "meaning"), EXAMPLES, ids=lambda value: value if isinstance(value, str) else "")
def test_the_examples_of_the_specification_are_read_as_it_says(line: str, meaning: object) -> None:
    assert said(line) == meaning


@pytest.mark.parametrize("word", ["t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"])
def test_every_spelling_of_a_boolean_is_one(word: str) -> None:
    assert said(f"m f={word}")[2] == {"f": word.lower().startswith("t")}


# The table of backslashes of the specification: a text in double quotes, and what it says.
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("\\ ", "\\ "),
        ("\\\\", "\\"),
        ("\\\\\\ ", "\\\\ "),
        ("\\\\\\\\", "\\\\"),
        ("\\\\\\\\\\ ", "\\\\\\ "),
        ("\\\\\\\\\\\\", "\\\\\\"),
        ("a\\nb", "a\\nb"),
        ("\\\\n", "\\n"),
    ],
)
def test_in_a_text_a_backslash_protects_itself_and_the_quote_alone(written: str, meant: str) -> None:
    assert said(f'm f="{written}"')[2] == {"f": meant}


@pytest.mark.parametrize(
    ("line", "measurement", "tags"),
    [
        (r"a\,b f=1", "a,b", {}),
        (r"a\=b f=1", r"a\=b", {}),
        ("a=b f=1", "a=b", {}),
        (r"m,a\,b=c\,d,e\=f=g\=h f=1", "m", {"a,b": "c,d", "e=f": "g=h"}),
        (r"m,path=C:\dir\\new f=1", "m", {"path": r"C:\dir\\new"}),
        (r"m,a=b\\,c f=1", "m", {"a": r"b\,c"}),
        ("m,\"t\"='v' f=1", "m", {'"t"': "'v'"}),
    ],
)
def test_in_names_a_backslash_protects_separators_and_is_itself_before_anything_else(
    line: str, measurement: str, tags: dict[str, str]
) -> None:
    assert said(line)[:2] == (measurement, tags)


@pytest.mark.parametrize(
    ("written", "json_text"),
    [
        ("0.1", b"0.1"),
        ("1", b"1"),
        ("-5", b"-5"),
        ("1.", b"1.0"),
        (".5", b"0.5"),
        ("+1.5", b"1.5"),
        ("007", b"7.0"),
        ("007i", b"7"),
        ("1E-7", b"1E-7"),
        ("5e-324", b"5e-324"),
        ("999999999999999", b"999999999999999"),
        ("-999999999999999", b"-999999999999999"),
        # As floats these are 2^53 and 1e22; their own texts would be read as integers.
        ("9007199254740993", b"9007199254740992.0"),
        ("10000000000000000000000", b"1e+22"),
    ],
)
def test_a_number_is_written_as_the_same_number_in_json(written: str, json_text: bytes) -> None:
    assert line_protocol.parse(f"m f={written}".encode()).fields == {"f": json_text}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_survives_exactly(number: float) -> None:
    for written in (repr(number), f"{number:e}" if number == float(f"{number:e}") else repr(number), f"{number:.17g}"):
        kept = json.loads(line_protocol.parse(f"m f={written}".encode()).fields["f"])

        assert float(kept) == number


WRONG = [
    ("m", "invalid_line", ""),
    ("m,t=v", "invalid_line", ""),
    (",t=v f=1", "invalid_line", ""),
    ("m,t f=1", "invalid_line", "/tags"),
    ("m,t= f=1", "invalid_line", "/tags/t"),
    ("m, f=1", "invalid_line", "/tags"),
    ("m,t=a,t=b f=1", "duplicate_key", "/tags/t"),
    ("m,t=a=b f=1", "invalid_line", ""),
    ("m f", "invalid_line", "/payload"),
    ("m =1", "invalid_line", "/payload"),
    ("m f=", "wrong_type", "/payload/f"),
    ("m f=1,", "invalid_line", "/payload"),
    ("m f=1,f=2", "duplicate_key", "/payload/f"),
    ("m f=text", "wrong_type", "/payload/f"),
    ("m f='text'", "wrong_type", "/payload/f"),
    ("m f=1x", "wrong_type", "/payload/f"),
    ("m f=1.5i", "wrong_type", "/payload/f"),
    ("m f=-1u", "wrong_type", "/payload/f"),
    ("m f=0x10", "wrong_type", "/payload/f"),
    ("m f=1_000", "wrong_type", "/payload/f"),
    ("m f=\uff11", "wrong_type", "/payload/f"),
    ("m f=tRuE", "wrong_type", "/payload/f"),
    ("m f=NaN", "number_out_of_range", "/payload/f"),
    ("m f=inf", "number_out_of_range", "/payload/f"),
    ("m f=-Infinity", "number_out_of_range", "/payload/f"),
    ("m f=1e400", "number_out_of_range", "/payload/f"),
    ("m f=1e99999", "number_out_of_range", "/payload/f"),
    ("m f=9223372036854775808i", "number_out_of_range", "/payload/f"),
    ("m f=9223372036854775808u", "number_out_of_range", "/payload/f"),
    (f"m f={'9' * 5000}i", "number_out_of_range", "/payload/f"),
    (f"m f={'9' * 5000}", "number_out_of_range", "/payload/f"),
    ('m f="open', "invalid_line", "/payload/f"),
    ('m f="a"b', "invalid_line", "/payload"),
    ('m f="a\0"', "invalid_text", "/payload/f"),
    ("m\0 f=1", "invalid_text", ""),
    ("m,t=\0 f=1", "invalid_text", "/tags/t"),
    ("m \0=1", "invalid_text", "/payload/\ufffd"),
    (f"m {'k' * 257}=1", "key_too_long", "/payload"),
    (f"m,{'k' * 257}=1 f=1", "key_too_long", "/tags"),
    (f"m,t={'v' * 65_536} f=1", "key_too_long", ""),
    ("m " + ",".join(f"k{n}=1" for n in range(1001)), "too_many_keys", "/payload"),
    ("m," + ",".join(f"k{n}=1" for n in range(1001)) + " f=1", "too_many_keys", "/tags"),
    ("m f=1 now", "invalid_timestamp", "/timestamp"),
    ("m f=1 1.5", "invalid_timestamp", "/timestamp"),
    ("m f=1 1 2", "invalid_timestamp", "/timestamp"),
    (f"m f=1 {'9' * 20}", "invalid_timestamp", "/timestamp"),
    ("m f=1 -1", "invalid_timestamp", "/timestamp"),
    ("m f=1 9000000000000000000", "invalid_timestamp", "/timestamp"),
    ('m f=1,eventId="nonsense" 1', "invalid_event_id", "/eventId"),
    ("m,event_id=00000000-0000-0000-0000-000000000000 f=1 1", "invalid_event_id", "/eventId"),
    (f'm,eventId={ID} f=1,event_id="{ID}" 1', "duplicate_key", "/eventId"),
    (f'm f="{"x" * 262_144}"', "event_too_large", ""),
]


@pytest.mark.parametrize(
    ("line", "code", "pointer"), WRONG, ids=[f"{number} {row[0][:40]!r}" for number, row in enumerate(WRONG)]
)
def test_a_wrong_line_is_rejected_by_name_and_the_rest_goes_on(line: str, code: str, pointer: str) -> None:
    batch = read(f"m f=1 1\n{line}\nm f=2 2\n")

    assert [json.loads(event.payload) for event in batch.events] == [{"f": 1}, {"f": 2}]
    assert [(item.index, item.code, item.pointer) for item in batch.rejected] == [(1, code, pointer)]
    assert batch.indexes == [0, 2]


def test_bytes_that_are_not_utf8_spoil_their_own_line() -> None:
    batch = read(b'm f="\xff" 1\nm f="\xc3\xbc" 2\n')

    assert [(item.index, item.code.value) for item in batch.rejected] == [(0, "invalid_line")]
    assert [event.payload for event in batch.events] == ['{"f":"ü"}'.encode()]


def test_blank_lines_and_comments_are_passed_over_and_counted() -> None:
    body = '\n# a comment with a "quote\n  # another\r\n   \r\nm f=1 1\r\n\nm f=2 2  \n  m f=3 3\nbroken'

    batch = read(body)

    assert batch.indexes == [4, 6, 7]
    assert [item.index for item in batch.rejected] == [8]


@pytest.mark.parametrize("before", ["\t", " \t ", "\ufeff", "\ufeff\t"])
def test_what_editors_put_before_a_line_makes_no_other_series(before: str) -> None:
    plain, odd = only("m,a=b f=1 5"), only(f"{before}m,a=b f=1 5")

    assert odd == plain
    assert read(f'{before}m,a=b f="x\ny" 5').rejected == []
    assert read(f"{before}# a comment").events == []


@pytest.mark.parametrize("unseen", ["\ufeff", "\u200b", "\u00a0", "\x0b", "\u2028"])
def test_an_unseen_character_before_a_measurement_is_refused(unseen: str) -> None:
    batch = read(f"m f=1 5\n{unseen}m f=1 5")

    assert (len(batch.events), [(item.code, item.index) for item in batch.rejected]) == (1, [("invalid_line", 1)])


def test_a_text_may_go_over_several_lines() -> None:
    body = 'm f="first\nm x=1 1\nlast",g=1 1\nm f="a\r\nb\\"\n" 2\n# "\nbroken\nm f=3 3'

    batch = read(body)

    assert [json.loads(event.payload) for event in batch.events] == [
        {"f": "first\nm x=1 1\nlast", "g": 1},
        {"f": 'a\r\nb"\n'},
        {"f": 3},
    ]
    assert batch.indexes == [0, 3, 8]
    assert [item.index for item in batch.rejected] == [7]


def test_nothing_inside_a_text_becomes_a_line_although_its_own_line_is_wrong() -> None:
    batch = read('m wrong,f="\nm x=1 1\n" 1\nm f=2 2')

    assert [event.payload for event in batch.events] == [b'{"f":2}']
    assert [item.index for item in batch.rejected] == [0]


def test_a_quote_that_is_never_closed_spoils_its_own_line_alone() -> None:
    batch = read('m f="open 1\nm f="closed" 2\nm f="open 3\nm f=4 4')

    assert [json.loads(event.payload) for event in batch.events] == [{"f": "closed"}, {"f": 4}]
    assert [item.index for item in batch.rejected] == [0, 2]


def test_a_quote_in_a_tag_opens_no_text() -> None:
    batch = read('  m,t="a f=1 1\nm,t=b" f=2 2')

    assert [event.payload for event in batch.events] == [b'{"f":1}', b'{"f":2}']


@pytest.mark.parametrize(("unit", "stamp"), [(1, 1_700_000_000_123_456_789), (1_000_000, 1_700_000_000_123)])
def test_a_time_is_counted_in_the_precision_and_kept_to_the_microsecond(unit: int, stamp: int) -> None:
    first, second = (only(f"counted-in-{unit} f=1 {stamp}", unit=unit) for _ in range(2))

    assert first == second  # by the strict path, then by the quick one
    assert first.ts == stamp * unit // 1000


def test_the_same_point_in_another_precision_is_the_same_event() -> None:
    seconds, nanoseconds = only("m f=1 1", unit=1_000_000_000), only("m f=1 1000000000")

    assert seconds == nanoseconds
    assert only("m f=1 1000000001").id != nanoseconds.id


def test_fields_are_the_payload_in_their_order() -> None:
    event = only('weather,town=Bonn z=1.50,a="ü",b\\ c=t,d=2i 1')

    assert event.payload == '{"z":1.50,"a":"ü","b c":true,"d":2}'.encode()
    assert event.timed


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("temperature f=1", "temperature"),
        ("cpu,sourceId=sensor-1,host=a f=1", "sensor-1"),
        ("cpu,host=a,source_id=sensor-2 f=1", "sensor-2"),
        ("cpu,source_id=sensor-2,sourceId=sensor-1 f=1", "sensor-1"),
        (f"cpu,eventId={ID} f=1", "cpu"),
    ],
)
def test_a_source_is_named_by_its_tag_or_its_measurement(line: str, source: str) -> None:
    assert only(line).source == source


def test_each_series_is_a_source_of_its_own_whatever_the_order_of_its_tags() -> None:
    first = only("cpu,host=a,core=0 f=1").source
    others = [
        only(line).source
        for line in (
            "cpu,host=a,core=1 f=1",
            "cpu,host=0,core=a f=1",
            "cpu,h=a,core=0 f=1",
            "cpu,host=a f=1",
            "cpu f=1",
        )
    ]

    assert only("cpu,core=0,host=a f=1").source == first
    assert first.startswith("cpu:0:a-")
    assert len({first, *others}) == 6


def test_what_is_no_source_id_is_part_of_the_series() -> None:
    one, other = only("cpu,sourceId=a/b f=1").source, only("cpu,sourceId=a/c f=1").source

    assert SOURCE_ID_PATTERN.fullmatch(one)
    assert one.startswith("cpu:a-b-")
    assert one != other
    assert only(r"my\ measurement f=1").source.startswith("my-measurement-")


def test_measurement_and_tags_become_labels() -> None:
    found = read(f"cpu,host=a\\ b,core=0,eventId={ID} f=1\nm,measurement=x f=1").labels

    assert found is not None
    assert list(found.values()) == [
        {"host": "a b", "core": "0", "measurement": "cpu"},
        {"measurement": "x", "_measurement": "m"},
    ]


@pytest.mark.parametrize("line", [f'm f=1,eventId="{ID.upper()}"', f"m,event_id={ID} f=1"])
def test_an_id_is_taken_out_and_makes_a_line_without_a_time_repeatable(line: str) -> None:
    event = only(line)

    assert (event.id, event.payload, event.source, event.timed, event.ts) == (ID, b'{"f":1}', "m", False, NOW)
    again = only(f"{line} 5000")
    assert (again.id, again.timed, again.ts) == (ID, True, 5)


def test_a_number_called_like_an_id_is_a_value() -> None:
    assert only("m event_id=4624i 1").payload == b'{"event_id":4624}'


def test_equal_lines_without_time_and_id_are_events_of_their_own() -> None:
    events = read("m f=1\nm f=1\nm f=1").events

    assert len({event.id for event in events}) == 3
    assert {int(event.id.replace("-", "")[:12], 16) for event in events} == {NOW // 1000}
    assert {UUID(event.id).version for event in events} == {7}
    assert not any(event.timed for event in events)


_names = st.sampled_from(
    ["a", "b", "temp", "ü", r"a\ b", r"a\,b", r"a\=b", "a\\", '"', "eventId", "source_id", "x" * 256]
)
_numbers = st.one_of(
    st.integers(-(2**64), 2**64).map(str),
    st.integers(-(2**64), 2**64).map(lambda number: f"{number}i"),
    st.integers(-5, 2**64).map(lambda number: f"{number}u"),
    st.floats().map(repr),
    st.sampled_from(
        ["-0", "-0.0", "0i", "-0i", "1.", ".5", "+1", "01", "1e5", "1E-7", "1e-400", "1e999", "1e0", "0.10"]
    ),
)
_strings = st.one_of(
    st.sampled_from(
        ['""', '"a,b=c d"', '"ü"', '"a\nb"', r'"\""', r'"\\"', '"\x7f"', '"a\tb"', '"/"', '"open', f'"{ID}"']
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(lambda text: f'"{text}"'),
)
_values = st.one_of(_numbers, _strings, st.sampled_from(["true", "false", "t", "F", "text", ""]))
_pairs = st.lists(st.tuples(_names, _values).map("=".join), min_size=1, max_size=4).map(",".join)
_tags = st.lists(st.tuples(_names, st.sampled_from(["a", "b", r"c\ d", "ü", ID])).map("=".join), max_size=3)
_heads = st.builds(lambda name, tags: ",".join([name, *tags]), st.sampled_from(["m", "cpu", r"a\ b", "ü"]), _tags)
_stamps = st.sampled_from(
    ["", "", " 1", " 1700000000000000000", " -1", " 0001", f" {NOW}000", " 9000000000000000000", " x", "  5 "]
)
_line = st.builds(lambda head, fields, stamp: f"{head} {fields}{stamp}", _heads, _pairs, _stamps)


def judged(read_line: Any, line: bytes) -> Any:
    """An event but for an id of chance, or why there is none."""
    try:
        found = read_line(line, TERMS)
    except InvalidEvent as error:
        return error.code, error.pointer
    if found is None:
        return None
    event, series = found
    return (event.source, event.ts, event.payload, event.timed, series.labels, event.id if event.timed else "")


@given(_line)
@example("m f=5u")
@example("m f=1234567890123456 1")
@example("m a=1,b=-999999999999999 1")
@example('m f="\x7f",g=true,h=1.5e5 1')
def test_what_the_quick_path_accepts_the_strict_path_accepts_with_the_same_meaning(line: str) -> None:
    for number, text in line_protocol.lines(line.encode()):
        assert number >= 0
        meant = judged(points.read_strict, text)  # and the series is known from here on

        assert judged(points.read_fast, text) in (None, meant)


@pytest.mark.parametrize(
    "line", ["m,t=v f=1 1", "m f=1.5,g=2i,h=3u,i=true", 'm f="some text, with a=b",g=-1.5e-9 1700000000000000000']
)
def test_common_lines_take_the_quick_path(line: str) -> None:
    points.read_strict(line.encode(), TERMS)

    assert points.read_fast(line.encode(), TERMS) is not None


@given(st.binary(max_size=40) | st.text(alphabet='m,=" \\\n#1it\0', max_size=30).map(str.encode))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    batch = read(body)

    assert len(batch.events) + len(batch.rejected) <= body.count(b"\n") + 1
    for event in batch.events:
        payload = json.loads(event.payload)
        assert all(math.isfinite(value) for value in payload.values() if isinstance(value, float))
        assert b"\n" not in event.payload
