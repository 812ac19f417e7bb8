"""Suggested mends, and the place in a text that a pointer leads to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingestion.events.timestamps import to_micros
from processing.dead_letters.mending import pointers, suggestions
from processing.models import DeadLetter

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def letter(raw: bytes, reason: str, pointer: str = "", number: int = 1) -> DeadLetter:
    return DeadLetter(pk=number, raw=raw, reason=reason, pointer=pointer, received=NOW)


@pytest.mark.parametrize(
    ("raw", "reason", "pointer", "wanted"),
    [
        (b'{"sourceId":"a","timestamp":"13/02/2026 10:00","payload":{}}', "invalid_timestamp", "/timestamp",
         ["Parse timestamp as dd/mm/yyyy HH:MM (UTC)", "Use the time of receipt as timestamp"]),
        (b'{"sourceId":"a","timestamp":"1772366400","payload":{}}', "invalid_timestamp", "/timestamp",
         ["Parse timestamp as unix (UTC)", "Make timestamp a whole number", "Use the time of receipt as timestamp"]),
        (b'{"sourceId":"a","payload":{}}', "missing_field", "/timestamp", ["Use the time of receipt as timestamp"]),
        (b'{"sourceId":"a","timestamp":1,"payload":{},"site":1}', "unknown_field", "/site",
         ["Rename site to payload.site", "Remove site"]),
        (b'{"source":"a","timestamp":1,"payload":{}}', "unknown_field", "/source", ["Rename source to sourceId"]),
        (b'{"sourceId":"a","timestamp":1,"payload":{"n":1e999}}', "number_out_of_range", "/payload/n",
         ["Make payload.n a text", "Remove payload.n"]),
        (b'{"sourceId":"a","timestamp":1,"payload":{},"eventId":"7"}', "invalid_event_id", "/eventId",
         ["Derive a new event id"]),
        (b'{"sourceId":"a","timestamp":1,"payload":{"a":[1,],},}', "not_json", "", ["Remove trailing commas"]),
        (b'{"sourceId":"a","timestamp":1,"payload":{"a":1,"a":2}}', "duplicate_key", "/payload/a",
         ["Keep the last of keys that stand twice"]),
        (b"\xff", "not_json", "", []),
        (b"[", "internal_error", "", []),
    ],
)  # fmt: skip
def test_only_what_fixes_a_letter_is_suggested(raw: bytes, reason: str, pointer: str, wanted: list[str]) -> None:
    found = suggestions.suggest(letter(raw, reason, pointer), [], now=to_micros(NOW))

    assert [one.text for one in found] == wanted


def test_the_format_that_fits_the_letters_alike_comes_first() -> None:
    raw = b'{"sourceId":"a","timestamp":"%b","payload":{}}'
    first, *alike = [
        letter(raw % stamp, "invalid_timestamp", "/timestamp", number)
        for number, stamp in enumerate([b"01/02/2026", b"01/13/2026", b"01/14/2026"])
    ]

    found = suggestions.suggest(first, [first, *alike], now=to_micros(NOW))

    assert [(one.text, one.fixes, one.sample) for one in found] == [
        ("Parse timestamp as mm/dd/yyyy (UTC)", 3, 3), ("Parse timestamp as dd/mm/yyyy (UTC)", 1, 3),
        ("Use the time of receipt as timestamp", 3, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pointer", "wanted"),
    [("", '{"a": {"b/c": [1, "x"]}, "d": 2}'), ("/a/b~1c/1", '"x"'), ("/d", "2"), ("/a/z", "{"), ("/d/e", None)],
)
def test_a_pointer_leads_to_its_value_or_to_the_object_without_it(pointer: str, wanted: str | None) -> None:
    text = '{"a": {"b/c": [1, "x"]}, "d": 2}'

    place = pointers.locate(text, pointer)

    assert (place and text[place.start : place.end]) == (wanted or ("2" if pointer == "/d/e" else None))
    assert pointers.locate("{", pointer) is None
