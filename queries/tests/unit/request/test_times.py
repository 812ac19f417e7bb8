"""Times in and out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from queries.request.times import InvalidTime, format_time, from_micros, parse_time, to_micros


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2025-04-11T12:00:00Z", "2025-04-11T12:00:00Z"),
        ("2025-04-11t12:00:00z", "2025-04-11T12:00:00Z"),
        ("2025-04-11T14:30:00.5+02:30", "2025-04-11T12:00:00.500000Z"),
        # A `+` that was not percent-encoded.
        ("2025-04-11T14:30:00 02:30", "2025-04-11T12:00:00Z"),
        ("2025-04-11T12:00:00.1234567Z", "2025-04-11T12:00:00.123456Z"),
        ("2025-04-11", "2025-04-11T00:00:00Z"),
    ],
)
def test_times_are_read_with_their_zone_and_shown_in_utc(text: str, shown: str) -> None:
    assert format_time(parse_time(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2025-04-11T12:00:00",
        "2025-13-01",
        "2025-02-30T00:00:00Z",
        "2025-04-11T25:00:00Z",
        "20250411T120000Z",
        "0001-01-01T00:00:00+14:00",
        "1744372800",
        "२०२५-०४-११",
    ],
)
def test_what_is_no_time_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(InvalidTime):
        parse_time(text)


def test_microseconds_lead_back_to_the_same_time() -> None:
    moment = datetime(2262, 4, 11, 23, 47, 16, 854_775, tzinfo=UTC)

    assert from_micros(to_micros(moment)) == moment
