"""The columns of a batch's events say what the events say."""

from __future__ import annotations

import pytest

from processing.events.entries import Entries, Entry
from processing.tests.factories import NOON, make_entry, make_sent

EVENTS = [
    make_entry(
        make_sent(number, source=f"sensor-{number % 2}", ts=NOON + number, payload={"n": number}), place=(1, 2, 3)
    )
    for number in range(5)
]
EVENTS[1].timed, EVENTS[2].attributes, EVENTS[3].rolled = False, b'{"a":1}', False


def test_events_come_out_of_the_columns_as_they_went_in() -> None:
    columns = Entries.of(EVENTS)

    assert list(columns) == EVENTS
    assert [columns[index] for index in range(-1, 4)] == [EVENTS[index] for index in range(-1, 4)]
    assert list(columns[1:3]) == EVENTS[1:3]
    assert Entries.of(columns) is columns


def test_no_events_are_columns_too() -> None:
    assert (list(Entries.of([])), len(Entries())) == ([], 0)


def test_some_events_are_selected_and_left_out() -> None:
    columns = Entries.of(EVENTS)

    assert list(columns.select([4, 0])) == [EVENTS[4], EVENTS[0]]
    assert list(columns.without([EVENTS[0].key, b"unknown"])) == EVENTS[1:]
    assert columns.by_source == {"sensor-0": [0, 2, 4], "sensor-1": [1, 3]}
    assert columns.select([3]).by_source == {"sensor-1": [0]}


def test_parts_are_joined_in_their_order() -> None:
    joined = Entries.joined([Entries.of(EVENTS[:2]), Entries(), Entries.of(EVENTS[2:])])

    assert list(joined) == EVENTS


def test_events_at_other_times_leave_the_first_ones_as_they_were() -> None:
    columns = Entries.of(EVENTS)

    moved: list[Entry] = list(columns.at_times({EVENTS[1].key: 7}))

    assert [entry.ts for entry in moved] == [NOON, 7, NOON + 2, NOON + 3, NOON + 4]
    assert list(columns) == EVENTS


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        Entries(keys=[b"a"])
