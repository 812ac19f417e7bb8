"""Everything that is written to either topic can be read, whatever was read before: by our decoder, and by any JSON reader."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.consumer.fetcher import ConsumerRecord

from ingestion.events.model import MAX_AHEAD
from ingestion.kafka import record_decoder, record_encoder
from ingestion.kafka.record_decoder import EventLine, Time
from ingestion.kafka.record_headers import Headers
from ingestion.problems import Code
from processing.events import decoding
from processing.events.batch import Batch, Record
from processing.events.entries import Entries
from processing.kafka import processed_records
from processing.kafka.consumed_record import record_of
from processing.tests.factories import event_id, line

NOW = 1_790_000_000_000_000
INT64 = st.integers(-(2**63), 2**63 - 1)
PLAIN = b'{"sourceId":"a","timestamp":"2026-03-01T12:00:00Z","payload":{"n":1}}'


class Processed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event of processed-data as docs/records.md promises it."""

    id: str
    source: str
    ts: Time
    received: Time
    stored: Time
    payload: dict[str, Any]
    tags: list[str]


def consumed(timestamp: int, value: bytes | None = PLAIN, headers: Headers | None = None) -> Record:
    return record_of(
        0, ConsumerRecord("raw-data", 0, 0, 7, timestamp, 0, None, value, headers or [], None, -1, -1, -1), now=NOW
    )


@pytest.mark.parametrize("timestamp", [-(2**63), -1, 0, 2**63 - 1, (NOW + MAX_AHEAD) // 1000 + 1])
def test_a_record_without_a_possible_time_has_the_time_of_reading(timestamp: int) -> None:
    assert consumed(timestamp).time == NOW


@pytest.mark.parametrize("timestamp", [1, 86_400_000, NOW // 1000])
def test_a_record_keeps_its_time(timestamp: int) -> None:
    assert consumed(timestamp).time == timestamp * 1000


@given(INT64, st.sampled_from([PLAIN, b"", None, b"[]", line(1), b"\xff", PLAIN + b"\n" + PLAIN]) | st.binary())
def test_what_is_read_of_any_record_can_be_written_and_read_again(timestamp: int, value: bytes | None) -> None:
    batch = Batch([consumed(timestamp, value)])
    decoding.decode(batch, now=NOW)

    for entry in (*batch.entries, *batch.duplicates):
        letter = decoding.letter(entry, reason=Code.ID_CONFLICT, detail="", stage="identity")
        ours = record_encoder.headers(count=1)
        assert isinstance(record_decoder.decode(letter.raw, ours, received=NOW, now=NOW)[0], EventLine)
    written = processed_records.build(batch.entries, [NOW] * len(batch.entries), 3, single=False)
    for record in written:
        found = json.loads(record.value)
        msgspec.convert(found if isinstance(found, list) else [found], list[Processed])
    received = [entry.received for entry in batch.entries] + [letter.received for letter in batch.letters]
    assert all(0 < time <= NOW + MAX_AHEAD for time in received)


def rows(*sources: str) -> Entries:
    lines = [line(number, b'{"n":%d}' % number, source=source) for number, source in enumerate(sources)]
    batch = Batch([Record(0, 0, NOW, b"\n".join(lines), record_encoder.headers(count=len(lines)))])
    decoding.decode(batch, now=NOW)
    return batch.entries


def test_a_record_of_several_events_is_an_array_and_of_one_an_object() -> None:
    [several] = processed_records.build(rows("a", "b"), [NOW] * 2, 1, single=False)
    [one] = processed_records.build(rows("a"), [NOW], 1, single=False)

    assert [event["id"] for event in json.loads(several.value)] == [event_id(0), event_id(1)]
    assert (several.key, dict(several.headers)) == (None, {"dataflow-count": b"2"})
    assert (json.loads(one.value)["source"], one.key, dict(one.headers)) == ("a", b"a", {"dataflow-count": b"1"})


def test_each_record_has_one_event_where_readers_want_that() -> None:
    records = processed_records.build(rows("a", "b", "a"), [NOW] * 3, 1, single=True)

    assert [record.key for record in records] == [b"a", b"b", b"a"]
    assert [json.loads(record.value)["payload"] for record in records] == [{"n": 0}, {"n": 1}, {"n": 2}]
