"""Dead letters as they are chosen, read, and edited."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

import pytest

from ingestion.events.model import InvalidEvent
from ingestion.kafka import record_headers
from ingestion.kafka.partitioner import partition_of
from ingestion.problems import Code
from processing.dead_letters import filters, redrive, rendering
from processing.dead_letters.dry_run import DryRun
from processing.dead_letters.edit import edit_letter
from processing.dead_letters.filters import LetterFilter
from processing.events import skipped_lines
from processing.events.batch import Batch
from processing.models import DeadLetter
from processing.tests import factories
from processing.tests.factories import NOON, event_id, line

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
PUBLIC = """{
  "sourceId": "sensor-1",
  "timestamp": "2026-03-01T12:00:00Z",
  "payload": {
    "n": 1.50,
    "n": 2
  },
  "eventId": "%s"
}"""


def make_letter(raw: bytes, *, reason: Code = Code.INTERNAL_ERROR, event: int | None = None) -> DeadLetter:
    return DeadLetter(
        pk=17,
        partition=4,
        raw=raw,
        reason=reason,
        source_id="sensor-1",
        event_id=None if event is None else UUID(event_id(event)),
        received=RECEIVED,
    )


def test_a_selection_survives_being_the_argument_of_a_job() -> None:
    selection = LetterFilter(
        ids=(1, 2), state="open", source_id="", since=RECEIVED, event_id=UUID(event_id(1)), partition=0, text="a"
    )

    assert LetterFilter.from_mapping(selection.to_mapping()) == selection
    assert selection.to_mapping()["since"] == "2026-03-01T12:00:00+00:00"
    assert LetterFilter().to_mapping() == {}
    with pytest.raises(ValueError, match="no such filter: sauce"):
        LetterFilter.from_mapping({"sauce": "a"})


def test_an_edit_begins_with_all_that_was_sent() -> None:
    raw = b'{"sourceId": "sensor-1", "payload": {"text": "' + b"x" * 100_000 + b'"}, \xff'

    assert rendering.to_editable_text(make_letter(raw, reason=Code.NOT_JSON)) == raw[:-1].decode() + r"\xff"


def test_canonical_line_is_shown_in_the_public_format_with_its_numbers() -> None:
    letter = make_letter(line(1, b'{"n":1.50,"n":2}'))

    assert rendering.to_text(letter) == PUBLIC % event_id(1)
    assert rendering.to_editable_text(letter) == PUBLIC % event_id(1)


@pytest.mark.parametrize(
    ("raw", "readable", "editable"),
    [
        (b'{"sourceId":1}', '{\n  "sourceId": 1\n}', '{\n  "sourceId": 1\n}'),
        (b"\xff\x00 nothing", None, "\\xff\\x00 nothing"),
        (b"", None, ""),
    ],
    ids=["JSON", "garbage", "nothing"],
)
def test_other_bytes_are_shown_as_they_are(raw: bytes, readable: str | None, editable: str) -> None:
    letter = make_letter(raw)

    assert (rendering.to_text(letter), rendering.to_editable_text(letter)) == (readable, editable)


def test_canonical_line_of_another_producer_is_not_taken_for_ours() -> None:
    raw = line(1, b'{"n":1}')

    ours, foreign = make_letter(raw), make_letter(raw, reason=Code.UNKNOWN_FIELD)

    assert dict(redrive.record_of(ours, 1).headers) == {
        "dataflow-version": b"1",
        "dataflow-count": b"1",
        "redrive-of": b"17",
    }
    assert dict(redrive.record_of(foreign, 1).headers) == {"redrive-of": b"17"}


def test_a_redrive_goes_to_its_sources_partition_as_it_came() -> None:
    raw = b'{"sourceId": "sensor-1", "timestamp": 1, "payload": {}}'
    letter = make_letter(raw)
    unknown = make_letter(b"\xff")
    unknown.source_id = ""

    sent, lost = redrive.record_of(letter, 6), redrive.record_of(unknown, 3)

    assert (sent.key, sent.value) == (b"sensor-1", raw)
    assert sent.partition == partition_of("sensor-1", 6)
    assert (lost.key, lost.partition) == (None, 1)


def test_a_record_of_ours_that_became_one_letter_goes_whole() -> None:
    raw = line(1) + b"\n" + line(2, source="b")

    sent = redrive.record_of(make_letter(raw), 6)

    assert (sent.value, sent.partition) == (raw, 4)
    assert dict(sent.headers) == {"dataflow-version": b"1", "dataflow-count": b"2", "redrive-of": b"17"}


def test_a_record_of_a_newer_release_goes_as_such_once_it_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    letter = make_letter(line(1), reason=Code.UNSUPPORTED_VERSION)
    letter.detail = skipped_lines.newer(2).detail

    assert dict(redrive.record_of(letter, 6).headers) == {"redrive-of": b"17"}
    monkeypatch.setattr(record_headers, "FORMAT_VERSION", 2)
    assert dict(redrive.record_of(letter, 6).headers) == {"dataflow-version": b"2", "redrive-of": b"17"}


def test_edit_keeps_time_of_receipt_and_hidden_fields() -> None:
    raw = line(1, b'{"n":1}', received=NOON - 5)[:-1] + b',"timed":false,"attributes":{"a":1}}'
    letter = make_letter(raw)
    letter.received = RECEIVED
    text = rendering.to_editable_text(letter)

    same = rendering.parse_lines(edit_letter(letter, text.replace(": 1", ": 2").encode(), now=NOON))[0]
    moved = rendering.parse_lines(edit_letter(letter, text.replace("12:00", "11:00").encode(), now=NOON))[0]
    elsewhere = rendering.parse_lines(edit_letter(letter, text.replace("sensor-1", "b").encode(), now=NOON))[0]

    assert (same.id, same.received, bytes(same.payload)) == (event_id(1), NOON, b'{"n":2}')
    assert (same.timed, bytes(same.attributes)) == (False, b'{"a":1}')
    assert (moved.timed, elsewhere.timed, bytes(elsewhere.attributes)) == (True, False, b"")


def test_edited_id_conflict_gets_a_new_id_unless_it_was_changed() -> None:
    letter = make_letter(line(1, b'{"n":1}'), reason=Code.ID_CONFLICT, event=1)
    text = rendering.to_editable_text(letter)

    fresh = [rendering.parse_lines(edit_letter(letter, text.encode(), now=NOON))[0].id for _ in range(2)]
    given = rendering.parse_lines(edit_letter(letter, text.replace(event_id(1), event_id(2)).encode(), now=NOON))[0].id

    assert fresh[0] == fresh[1] != event_id(1)
    assert given == event_id(2)


def test_an_edit_that_breaks_the_contract_says_where() -> None:
    letter = make_letter(b"\xff")

    with pytest.raises(InvalidEvent) as refused:
        edit_letter(letter, b'{"sourceId":"a","timestamp":"2026-03-01T12:00:00Z","payload":{"n":1e999}}', now=NOON)

    assert (refused.value.code, refused.value.pointer) == (Code.NUMBER_OUT_OF_RANGE, "/payload/n")


def test_a_header_that_names_no_letter_is_nobodys() -> None:
    marks = [b"17", b"", None, b"-1", b"seventeen", b"9" * 19, "\u0661".encode()]
    records = [
        factories.record(b"{}", offset=place, headers=[("redrive-of", mark)]) for place, mark in enumerate(marks)
    ]

    assert Batch(records=records).redriven() == {(0, 0): 17}


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (DryRun(0), "No letter is to be sent."),
        (DryRun(57, 57, 41, 0, Counter(not_json=16)), "41 of 57 would be stored now; 16 fail again: not_json."),
        (
            DryRun(filters.MAX_COUNTED, 2_000, 1_990, 4, Counter(not_json=4, id_conflict=2)),
            "1,994 of the first 2,000 (of 10,000 or more) would be stored now (4 of them are stored already);"
            " 6 fail again: 4 not_json, 2 id_conflict.",
        ),
    ],
)
def test_dry_run_is_described_in_a_sentence(outcome: DryRun, sentence: str) -> None:
    assert str(outcome) == sentence
