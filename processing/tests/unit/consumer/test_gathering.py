"""A batch is gathered for as long as the last one took, within bounds of time, events and bytes."""

from __future__ import annotations

import pytest

from processing.consumer.gathering import LEAST, MOST, MOST_BYTES, Gathering, is_full


@pytest.mark.parametrize(("took", "gathers"), [(0.0, LEAST), (0.05, 0.05), (30.0, MOST)])
def test_a_batch_is_gathered_for_as_long_as_the_last_one_took(took: float, gathers: float) -> None:
    gathering = Gathering()

    gathering.settled(took)

    assert gathering.seconds == gathers


def test_the_first_batch_is_gathered_for_the_least_time() -> None:
    assert Gathering().seconds == LEAST


@pytest.mark.parametrize(
    ("events", "size", "full"), [(9, MOST_BYTES - 1, False), (10, 0, True), (1, MOST_BYTES, True), (0, 0, False)]
)
def test_a_batch_is_full_by_its_events_or_their_bytes(events: int, size: int, full: bool) -> None:
    assert is_full(events, size, most=10) is full
