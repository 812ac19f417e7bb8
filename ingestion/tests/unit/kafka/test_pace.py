"""When the next flush starts: at once while there is little, and under load when every sender is back, or after a while."""

from __future__ import annotations

import pytest

from ingestion.kafka.group_commit import BUSY, BUSY_EVENTS, INTERVAL, Pace


@pytest.fixture
def pace() -> Pace:
    return Pace()


def test_the_first_flush_starts_at_once(pace: Pace) -> None:
    assert pace.pause(1, now=0.0) == 0


def test_a_flush_after_a_small_one_starts_at_once(pace: Pace) -> None:
    pace.note(BUSY - 1, BUSY_EVENTS - 1, started=10.0)

    assert pace.pause(1, now=10.001) == 0


@pytest.mark.parametrize(("requests", "events"), [(32, 32), (4, BUSY_EVENTS)])
def test_under_load_a_flush_waits_for_as_many_requests_as_the_last_one_had(
    pace: Pace, requests: int, events: int
) -> None:
    pace.note(requests, events, started=10.0)

    assert pace.pause(requests - 1, now=10.002) == pytest.approx(INTERVAL - 0.002)
    assert pace.pause(requests, now=10.002) == 0
    assert pace.is_enough(requests)
    assert not pace.is_enough(requests - 1)


def test_a_flush_waits_no_longer_than_the_interval(pace: Pace) -> None:
    pace.note(32, 32, started=10.0)

    assert pace.pause(1, now=10.0 + INTERVAL) == 0


def test_a_small_flush_ends_no_pause_of_a_large_one_before(pace: Pace) -> None:
    pace.note(32, 32, started=10.0)
    pace.note(1, 1, started=10.001)

    assert pace.pause(1, now=10.002) > 0
