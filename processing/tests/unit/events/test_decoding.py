"""From records to events, duplicates and letters, without servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.kafka import record_decoder
from ingestion.kafka.record_headers import Headers
from processing.consumer.steps import prepare
from processing.consumer.work import Stores, Topic, Work
from processing.events import decoding
from processing.events.batch import MINUTE, WHOLE, Batch, Record, SkippedLine
from processing.events.positions import RecordPosition
from processing.tests.factories import NOON, event_id, line, record

NOW = NOON + 1


def decoded(*found: Record) -> Batch:
    batch = Batch(list(found))
    decoding.decode(batch, now=NOW)
    return batch


def test_the_first_of_an_identity_stays_whatever_order_the_records_came_in() -> None:
    early = record(line(1, b'{"a":1}'), partition=1, offset=7)
    late = record(line(1, b'{"a":1}'), partition=1, offset=8)

    batch = decoded(late, early)

    assert [(entry.offset, entry.line) for entry in batch.entries] == [(7, 0)]
    assert [(entry.offset, entry.line) for entry in batch.duplicates] == [(8, 0)]


def test_the_same_values_in_other_words_are_a_duplicate() -> None:
    batch = decoded(record(line(1, b'{"a":1,"b":2.5}'), line(1, b'{ "b":25e-1, "a":1.0 }')))

    assert (len(batch.entries), len(batch.duplicates), batch.letters) == (1, 1, [])


@pytest.mark.parametrize(
    "other",
    [line(1, b'{"a":2}'), line(1, b'{"a":true}'), line(1, b'{"a":1}', ts=NOON + 1)],
    ids=["another value", "a truth value for 1", "another time"],
)
def test_the_same_id_with_other_content_is_a_conflict(other: bytes) -> None:
    batch = decoded(record(line(1, b'{"a":1}'), other))

    [letter] = batch.letters
    assert (letter.reason, letter.line, letter.raw) == ("id_conflict", 1, other)
    assert (letter.source, letter.event_id) == ("sensor-1", UUID(event_id(1)).bytes)
    assert [entry.values for entry in batch.entries] == [{"a": 1}]


def test_the_same_id_from_another_source_is_another_event() -> None:
    batch = decoded(record(line(1, b'{"a":1}', source="one"), line(1, b'{"a":2}', source="two")))

    assert len(batch.entries) == 2
    assert batch.letters == []


def test_a_bad_line_is_a_letter_of_its_own_and_the_others_stay() -> None:
    batch = decoded(record(line(1), b'{"id":', line(2), b"\xff", line(3), offset=5))

    assert [(entry.text, entry.line) for entry in batch.entries] == [
        (event_id(1), 0),
        (event_id(2), 2),
        (event_id(3), 4),
    ]
    assert [(letter.offset, letter.line, letter.raw) for letter in batch.letters] == [
        (5, 1, b'{"id":'),
        (5, 3, b"\xff"),
    ]


@given(st.lists(st.sampled_from([b'{"id":', b"\xff", b"", b"{}", None, b'{"a":"' + b"[" * 2_000]), max_size=20))
def test_a_lines_outcome_does_not_depend_on_the_lines_around_it(kinds: list[bytes | None]) -> None:
    lines = [line(number) if kind is None else kind for number, kind in enumerate(kinds)]
    counted = [text for text in lines if text]

    together = decoded(record(*lines))

    alone = [decoded(record(text)) for text in counted]
    assert [entry.line for entry in together.entries] == [n for n, batch in enumerate(alone) if batch.entries]
    assert [letter._replace(line=0) for letter in together.letters if letter.reason != "empty_record"] == [
        letter for batch in alone for letter in batch.letters
    ]


def test_a_line_set_aside_is_a_letter_and_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_decoder, "decode", never(b'{"n":2}', record_decoder.decode))
    one = record(line(1), line(2, b'{"n":2}'), b"{", line(4), offset=5)

    batch = Batch([one], asides={RecordPosition(0, 5): {1: SkippedLine("rows", "our own step failed")}})
    decoding.decode(batch, now=NOW)

    assert [(entry.text, entry.line) for entry in batch.entries] == [(event_id(1), 0), (event_id(4), 3)]
    assert [(letter.line, letter.reason, letter.stage, letter.source) for letter in batch.letters] == [
        (1, "internal_error", "rows", "sensor-1"),
        (2, "not_json", "decode", ""),
    ]
    assert batch.read.total() == 4


def test_a_record_set_aside_is_one_letter_of_all_its_bytes() -> None:
    one = record(line(1), line(2), offset=5)

    batch = Batch([one], asides={RecordPosition(0, 5): {WHOLE: SkippedLine("decode", "our own step failed")}})
    decoding.decode(batch, now=NOW)

    assert len(batch.entries) == 0
    assert [(letter.line, letter.raw, letter.source) for letter in batch.letters] == [(0, one.value, "")]
    assert batch.read.total() == 1


def test_lines_left_out_of_a_trial_are_neither_read_nor_letters() -> None:
    batch = Batch([record(line(1), line(2), line(3))], asides={RecordPosition(0, 0): {0: None, 2: None}})

    decoding.decode(batch, now=NOW)

    assert [(entry.text, entry.line) for entry in batch.entries] == [(event_id(2), 1)]
    assert (batch.letters, batch.read.total()) == ([], 1)


def never(text: bytes, decode: Callable[..., Any]) -> Callable[..., Any]:
    """Decode anything but what holds a text."""

    def wrapped(value: bytes, *arguments: object, **named: object) -> object:
        assert text not in value
        return decode(value, *arguments, **named)

    return wrapped


@pytest.mark.parametrize("value", [None, b"", b" \n\t"])
def test_an_empty_record_is_one_letter(value: bytes | None) -> None:
    batch = decoded(Record(0, 3, NOON, value, []))

    [letter] = batch.letters
    assert (letter.reason, letter.offset, letter.line, letter.raw) == ("empty_record", 3, 0, value or b"")
    assert batch.read.total() == 1


def test_a_record_of_another_producer_is_one_event_or_several_lines() -> None:
    plain = {"sourceId": "plc-1", "timestamp": "2026-03-01T11:59:00Z", "payload": {"a": 1}}
    spread = json.dumps(plain, indent=1).encode()
    lines = b"\n\n".join(json.dumps({**plain, "payload": {"a": n}}).encode() for n in (2, 3))

    batch = decoded(Record(0, 1, NOON, spread, []), Record(0, 2, NOON, lines, [("who", b"plc")]))

    assert [(entry.offset, entry.line, entry.values) for entry in batch.entries] == [
        (1, 0, {"a": 1}),
        (2, 0, {"a": 2}),
        (2, 1, {"a": 3}),
    ]
    assert {(entry.source, entry.ts, entry.received) for entry in batch.entries} == {("plc-1", NOON - MINUTE, NOON)}


def test_every_line_is_counted_as_read_for_its_source_minute_and_partition() -> None:
    batch = decoded(
        record(line(1), line(1), line(2, received=NOON + MINUTE), b"garbage", partition=3),
        record(line(3, source="other"), partition=4),
    )

    minute = NOON // MINUTE
    assert batch.read == {
        ("sensor-1", minute, 3): 2,
        ("sensor-1", minute + 1, 3): 1,
        ("", minute, 3): 1,
        ("other", minute, 4): 1,
    }


NEWER: Headers = [("dataflow-version", b"2"), ("dataflow-count", b"1")]


def test_a_partition_is_read_up_to_its_first_record_of_a_newer_release() -> None:
    records = [
        record(line(1), offset=0),
        record(line(2), offset=1, headers=NEWER),
        record(line(3), offset=2),
        record(line(4), partition=1, offset=0),
    ]
    work = Work(Batch(records), Topic(UUID(int=1), "raw-data"))

    prepare(Stores(), work)

    assert {entry.text for entry in work.batch.entries} == {event_id(1), event_id(4)}
    assert (work.newer, work.held, work.batch.letters) == ({0: records[1]}, {0}, [])


def test_a_record_of_a_newer_release_is_a_letter_where_an_operator_says_so() -> None:
    work = Work(Batch([record(line(1), line(2), headers=NEWER), record(line(3), offset=1)]), Topic(UUID(int=1), "raw"))
    stores = Stores()
    stores.breaker.start(0, lenient_until=1)

    prepare(stores, work)

    assert [(letter.reason, letter.offset, letter.raw) for letter in work.batch.letters] == [
        ("unsupported_version", 0, line(1) + b"\n" + line(2))
    ]
    assert (len(work.batch.entries), work.newer, work.held) == (1, {}, set())


@pytest.mark.parametrize(
    "payload",
    [b"[]", b"1", b'"text"', b"{\xff}", b'{"a":1e999}', b'{"a":"\\ud800"}', b"[" * 5000],
    ids=["a list", "a number", "a text", "not UTF-8", "too large a float", "a lone surrogate", "deep"],
)
def test_a_forged_payload_that_is_no_object_of_ours_is_one_letter(payload: bytes) -> None:
    batch = decoded(record(line(1, payload), line(2)))

    assert [(letter.line, letter.stage) for letter in batch.letters] == [(0, "decode")]
    assert [entry.line for entry in batch.entries] == [1]


@pytest.mark.parametrize("member", ["ts", "received"])
def test_a_forged_time_past_the_year_9999_is_a_letter(member: str) -> None:
    batch = decoded(record(line(1, **{member: 2**62}), line(2)))  # type: ignore[arg-type]

    assert [letter.line for letter in batch.letters] == [0]
    assert [entry.line for entry in batch.entries] == [1]


def test_a_second_decode_of_a_batch_forgets_the_first() -> None:
    batch = decoded(record(line(1), line(1), b"garbage"))

    decoding.decode(batch, now=NOW)

    assert (len(batch.entries), len(batch.duplicates), len(batch.letters), batch.read.total()) == (1, 1, 1, 3)
