"""A record that is rewritten for `processed-data` says what one built event by event says; any other is not rewritten."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.events.model import Event
from ingestion.kafka import record_encoder
from ingestion.kafka.partitioner import partition_of
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.kafka.record_encoder import MAX_EVENTS
from ingestion.kafka.record_headers import Headers
from processing.events import decoding
from processing.events.batch import Batch, Record
from processing.kafka import processed_records
from processing.logic.content import Content, RuleContent
from processing.logic.engine import NO_LOGIC, Logic
from processing.tests.factories import NOON, event_id, line

PARTITIONS = 3
STORED = NOON + 5
SOURCES = ["a", "b", "c", "longer-1"]
# What could be taken for a member of the line.
KEYS = st.sampled_from(["payload", "stored", "timed", "id", ',"payload":{', '\n{"id":"', "x"])
PAYLOADS = st.dictionaries(KEYS, st.recursive(st.integers() | KEYS, lambda v: st.dictionaries(KEYS, v), max_leaves=4))
EVENTS = st.lists(st.tuples(st.sampled_from(SOURCES), PAYLOADS, st.booleans(), st.booleans()), min_size=1, max_size=12)


def records(events: list[tuple[str, dict[str, Any], bool, bool]]) -> list[Record]:
    """Records as a receiver writes them: of one event to three, some without a time of its own or with spaces."""
    lines: dict[int, list[bytes]] = {}
    for number, (source, payload, timed, spaced) in enumerate(events):
        text = json.dumps(payload, separators=(", ", " : ") if spaced else (",", ":")).encode()
        event = Event(event_id(number), source, NOON + number, text, timed)
        lines.setdefault(partition_of(source, PARTITIONS), []).append(record_encoder.line(event, received=NOON + 1))
    return [
        Record(partition, start, NOON, b"\n".join(own[start : start + 3]), record_encoder.headers(count=len(own)))
        for partition, own in lines.items()
        for start in range(0, len(own), 3)
    ]


def rewritten(
    found: list[Record], *, partitions: int = PARTITIONS, logic: Logic = NO_LOGIC
) -> tuple[list[ProducerRecord] | None, Batch]:
    batch = Batch(found)
    decoding.decode(batch, now=NOON + 2, judge=logic.judge)
    return processed_records.rewrite(found, batch.entries, STORED, partitions), batch


def said(found: list[ProducerRecord]) -> dict[int, list[Any]]:
    """Each partition's events in their order."""
    events: dict[int, list[Any]] = {}
    for record in found:
        value = json.loads(record.value)
        members = value if isinstance(value, list) else [value]
        assert dict(record.headers)["dataflow-count"] == b"%d" % len(members)
        names = {event["source"] for event in members}
        assert record.key == (names.pop().encode() if len(names) == 1 else None)
        events.setdefault(record.partition, []).extend(members)
    return events


LOGICS = [
    NO_LOGIC,
    Logic(1, Content(rules=[RuleContent("tag", ["tag seen"], when="exists(x)", sources=["a", "b"])])),
    Logic(
        1, Content(rules=[RuleContent("set", ['set payload.payload = "timed"', "remove x"], sources=["a", "longer-1"])])
    ),
    Logic(1, Content(rules=[RuleContent("both", ["set x = 1", "tag one", "tag two"])])),
]


@given(EVENTS, st.sampled_from(LOGICS))
def test_what_is_rewritten_says_what_is_built(
    events: list[tuple[str, dict[str, Any], bool, bool]], logic: Logic
) -> None:
    found, batch = rewritten(records(events), logic=logic)
    built = processed_records.build(batch.entries, [STORED] * len(events), PARTITIONS, single=False)

    assert found is None or said(found) == said(built)
    if not any('"payload"' in json.dumps(payload) for _, payload, _, _ in events):
        assert found is not None


@pytest.mark.parametrize(
    "forged",
    [
        line(1, b'{"a":1}').replace(b',"ts"', b', "ts"'),
        line(1, b'{"a":1}') + b" ",
        b'{"payload":{"a":1,"payload":{}},' + line(1).replace(b',"payload":{}', b"")[1:],
        line(1, b'{"a":1}')[:-1] + b',"timed":true}',
        line(1, b'{"a":1}')[:-1] + b',"attributes":{"b":2}}',
        line(1, b'{"a":{"b":1,"payload":{}}}'),
        line(1, b'{"a":1}', ts=1),
        line(1, b'{"a":1}', received=10**16),
        line(1, b'{"a":1}').replace(b',"payload":{"a":1}', b',"timed":false,"payload":{"a":1}'),
        line(1, b'{"a":1}').replace(b"sensor-1", b"sensor\\u002d1"),
    ],
)
def test_a_line_that_no_receiver_writes_so_is_not_rewritten(forged: bytes) -> None:
    home = partition_of("sensor-1", PARTITIONS)
    found, batch = rewritten([Record(home, 0, NOON, forged + b"\n" + line(2), record_encoder.headers(count=2))])

    assert (found, len(batch.entries)) == (None, 2)


def test_an_event_of_another_producer_is_not_rewritten() -> None:
    plain = (
        b'{"eventId":"%b","sourceId":"a","timestamp":"2026-03-01T12:00:00Z","payload":{"n":1}}' % event_id(1).encode()
    )

    found, batch = rewritten([Record(partition_of("a", PARTITIONS), 0, NOON, plain, [])])

    assert (found, len(batch.entries)) == (None, 1)


# As long as a line of ours, without either part that is counted: .NET writes times with seven digits.
PLAIN = b'{"payload":{"n":1},"sourceId":"a","timestamp":"2026-03-01T12:00:00.1234567Z","eventId":"%b"}'
OURS = b'{"payload":{"n":1},"id":"%b","source":"a","ts":1772366400000000,"received":1772366400000000}'


@pytest.mark.parametrize(("text", "headers"), [(PLAIN, []), (OURS, record_encoder.headers(count=1))])
@pytest.mark.parametrize("others", [0, 2])
def test_an_event_of_another_producer_that_begins_with_its_payload_is_not_rewritten(
    text: bytes, headers: Headers, others: int
) -> None:
    home = partition_of("a", PARTITIONS)
    texts = [(line(number, source="a"), record_encoder.headers(count=1)) for number in range(others)]
    texts.append((text % event_id(others).encode(), headers))

    found, batch = rewritten([Record(home, offset, NOON, *each) for offset, each in enumerate(texts)])

    assert (found, len(batch.entries)) == (None, others + 1)


def test_a_record_of_another_producer_that_is_too_large_to_be_rewritten_is_built() -> None:
    too_many = b"\n".join(line(number, source="a") for number in range(MAX_EVENTS + 1))
    too_large = b"\n".join(line(number, b'{"a":"%b"}' % (b"x" * 400_000), source="a") for number in range(3))

    for value in (too_many, too_large):
        found, batch = rewritten([Record(0, 0, NOON, value, record_encoder.headers(count=1))], partitions=1)
        assert found is None
        built = processed_records.build(batch.entries, [STORED] * len(batch.entries), 1, single=False)
        assert len(built) > 1


def test_a_source_of_another_partition_is_not_rewritten() -> None:
    found, _ = rewritten(records([("a", {}, True, False)]), partitions=PARTITIONS + 1)

    assert (found is None) == (partition_of("a", PARTITIONS) != partition_of("a", PARTITIONS + 1))
    other = Record((partition_of("sensor-1", 3) + 1) % 3, 0, NOON, line(1), record_encoder.headers(count=1))
    assert rewritten([other])[0] is None


def test_small_records_are_joined_and_large_ones_are_not() -> None:
    many = [
        Record(0, number, NOON, b"\n".join(line(number * 400 + n, source="a") for n in range(400)), [])
        for number in range(4)
    ]
    marked = [record._replace(headers=record_encoder.headers(count=400)) for record in many]

    found, _ = rewritten(marked, partitions=1)

    assert found is not None
    assert [dict(record.headers)["dataflow-count"] for record in found] == [b"800", b"800"]
    assert MAX_EVENTS == 1_000
