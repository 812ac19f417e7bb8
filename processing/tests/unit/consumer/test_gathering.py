"""A batch is gathered for as long as the last one took, within bounds."""

from __future__ import annotations

import pytest

from processing.consumer.gathering import LEAST, MOST, Gathering


@pytest.mark.parametrize(("took", "gathers"), [(0.0, LEAST), (0.05, 0.05), (30.0, MOST)])
def test_a_batch_is_gathered_for_as_long_as_the_last_one_took(took: float, gathers: float) -> None:
    gathering = Gathering()

    gathering.settled(took)

    assert gathering.seconds == gathers


def test_the_first_batch_is_gathered_for_the_least_time() -> None:
    assert Gathering().seconds == LEAST
