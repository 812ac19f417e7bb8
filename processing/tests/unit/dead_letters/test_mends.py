"""Mends: what each step does to what was sent, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from processing.dead_letters.mending import date_formats, json_members, mend, steps
from processing.dead_letters.mending.json_members import NotMended
from processing.dead_letters.mending.steps import InvalidMend

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = b'{"source_id":"m","timestamp":"1.2","payload":{"a":1.10,"b":"21,50","big":123456789012345678901}}'


def mended(text: bytes, *wanted: object) -> bytes:
    return mend.apply(steps.from_json(list(wanted)), text, received=RECEIVED)


@pytest.mark.parametrize(
    ("step", "old", "new"),
    [
        ({"do": "set", "field": "payload.site.name", "value": "n"}, b"901}}", b'901,"site":{"name":"n"}}}'),
        ({"do": "set", "field": "sourceId", "value": "n"}, b'"source_id":"m"', b'"source_id":"n"'),
        ({"do": "rename", "field": "payload.a", "to": "payload.c"}, b'"a":1.10,', b""),
        ({"do": "remove", "field": "payload.b"}, b'"b":"21,50",', b""),
        ({"do": "cast", "field": "payload.b", "to": "number"}, b'"21,50"', b"21.50"),
        ({"do": "cast", "field": "payload.a", "to": "text"}, b"1.10", b'"1.10"'),
        ({"do": "received_time"}, b'"1.2"', b'"2026-03-01T12:00:00Z"'),
        ({"do": "parse_date", "format": "unix"}, b'"1.2"', b'"1970-01-01T00:00:01.200000Z"'),
    ],
)
def test_a_step_changes_its_field_and_no_digit_of_another(step: object, old: bytes, new: bytes) -> None:
    wanted = EVENT.replace(old, new)

    assert mended(EVENT, step) == (wanted if b'"c"' not in mended(EVENT, step) else wanted[:-2] + b',"c":1.10}}')


@pytest.mark.parametrize(
    ("form", "zone", "text", "wanted"),
    [
        ("dd/mm/yyyy HH:MM", "UTC", "28/11/2026 13:05", "2026-11-28T13:05:00+00:00"),
        ("dd/mm/yyyy hh:mm:ss", "Europe/Berlin", "1/7/2026 13:05:09", "2026-07-01T13:05:09+02:00"),
        ("mm/dd/yyyy hh:MM am", "UTC", "11/28/2026 1:05 pm", "2026-11-28T13:05:00+00:00"),
        ("yyyymmddTHHMMSSz", "UTC", "20261128T130509+0100", "2026-11-28T13:05:09+01:00"),
        ("dd mon yyyy", "UTC", "28 Nov 2026", "2026-11-28T00:00:00+00:00"),
    ],
)
def test_dates_are_read_as_people_write_them(form: str, zone: str, text: str, wanted: str) -> None:
    assert date_formats.parse(text, form, zone).isoformat() == wanted


def test_every_common_format_can_be_used() -> None:
    assert all(map(date_formats.compiled, date_formats.COMMON))


@pytest.mark.parametrize(
    ("text", "step", "why"),
    [
        (b"{", {"do": "received_time"}, "it is not JSON"),
        (b"[1]", {"do": "received_time"}, "it is not a JSON object"),
        (b'{"a":1,"a":2}', {"do": "received_time"}, "a key stands twice"),
        (EVENT, {"do": "remove", "field": "payload.x"}, "there is no field x"),
        (EVENT, {"do": "set", "field": "timestamp.x", "value": 1}, "x is not within an object"),
        (EVENT, {"do": "rename", "field": "payload.a", "to": "payload.b"}, "there is a field payload.b already"),
        (EVENT, {"do": "cast", "field": "payload.a", "to": "integer"}, "payload.a can't be made an integer"),
        (EVENT, {"do": "cast", "field": "payload", "to": "text"}, "payload is not a text or a number"),
        (EVENT, {"do": "parse_date", "format": "dd/mm/yyyy"}, "timestamp is not of the form dd/mm/yyyy"),
    ],
)
def test_what_a_step_does_not_fit_is_left_as_it_is(text: bytes, step: object, why: str) -> None:
    with pytest.raises(NotMended, match=why):
        mended(text, step)


def test_broken_json_can_be_mended_before_its_fields_are() -> None:
    text = b'{"timestamp":"a,}","a":1,"a":[1,2,],}'

    assert mended(text, {"do": "drop_commas"}, {"do": "keep_last"}) == b'{"timestamp":"a,}","a":[1,2]}'
    assert json_members.keep_last(b'[{"a":1.0,"a":2.0}]') == b'[{"a":2.0}]'


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"do": "explode"}, "explode"),
        ({"do": "set", "field": "a..b", "value": 1}, "step 1: expected the path of a field"),
        ({"do": "parse_date", "format": "HH:MM"}, "step 1: expected a format of yyyy"),
        (
            {"do": "parse_date", "format": "dd/mm/yyyy", "zone": "Mars/Olympus"},
            "step 1: expected the name of a time zone",
        ),
    ],
)
def test_steps_that_can_not_be_used_are_named(step: object, why: str) -> None:
    with pytest.raises(InvalidMend, match=why):
        steps.from_json([step])


def test_a_mend_is_said_in_words_and_comes_back_from_a_job() -> None:
    wanted = steps.from_json(
        [{"do": "set", "field": "a", "value": {"b": 1}}, {"do": "parse_date", "format": "dd/mm/yyyy"}]
    )

    assert steps.sentence(wanted) == 'Set a to {"b": 1}, then parse timestamp as dd/mm/yyyy (UTC)'
    assert steps.from_json(steps.to_json(wanted)) == wanted
