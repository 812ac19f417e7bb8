"""How far partitions are behind, as a consumer shows it."""

from __future__ import annotations

import time
from collections.abc import Collection
from uuid import UUID

import pytest

from processing import metrics
from processing.consumer.measuring import partition_lags
from processing.consumer.measuring.partition_lags import PartitionLags
from processing.events.batch import Record
from processing.events.positions import PartitionId

TOPIC = UUID(int=1)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(partition_lags, "time", found)
    return found


class Lags:
    """One consumer's lags, with a topic of which all ends are known."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lags = PartitionLags()
        self.place, self.done = self._lags.place, self._lags.done

    def shown(
        self, ends: dict[int, int], *, read: Collection[int] = (), held: Collection[int] = (), after: float = 1.0
    ) -> dict[tuple[str, str], tuple[float, float]]:
        self._clock.now += after
        known = {PartitionId(TOPIC, number): end for number, end in ends.items()}
        self._lags.show(TOPIC, known, read=read, held=held)
        return {
            (sample.labels["partition"], sample.labels["held"]): (
                sample.value,
                metrics.LAG_SECONDS.labels(**sample.labels)._value.get(),
            )
            for metric in metrics.LAG_RECORDS.collect()
            for sample in metric.samples
        }


@pytest.fixture
def lags(clock: Clock) -> Lags:
    metrics.LAG_RECORDS.clear()
    metrics.LAG_SECONDS.clear()
    return Lags(clock)


def record(partition: int, offset: int, *, age: float = 0.0) -> Record:
    return Record(partition, offset, int((time.time() - age) * 1_000_000), b"", [])


def test_records_without_effects_are_the_lag_and_wait_until_they_have_some(lags: Lags) -> None:
    lags.place({0: (10, 10)})

    assert lags.shown({0: 10}, read=[0]) == {("0", "false"): (0, 0)}
    assert lags.shown({0: 15}, read=[0]) == {("0", "false"): (5, 0)}
    assert lags.shown({0: 20}, read=[0], after=30) == {("0", "false"): (10, 30)}

    lags.done([record(0, 19)], {0: 20})
    assert lags.shown({0: 20}, read=[0]) == {("0", "false"): (0, 0)}


def test_a_backlog_that_is_worked_off_has_the_age_of_what_was_done_last(lags: Lags) -> None:
    lags.place({0: (0, 100)})
    lags.shown({0: 100}, read=[0])

    lags.done([record(0, 9, age=3_600)], {0: 10})

    [(records, seconds)] = lags.shown({0: 100}, read=[0]).values()
    assert records == 90
    assert seconds == pytest.approx(3_600, abs=5)


def test_a_held_partition_is_shown_as_held_though_it_is_not_polled(lags: Lags) -> None:
    lags.place({0: (0, 0), 1: (5, 8)})

    assert lags.shown({0: 0}, read=[0], held=[1]) == {("0", "false"): (0, 0), ("1", "true"): (3, 0)}

    lags.place({1: (5, 9)})
    assert lags.shown({0: 0}, read=[0], held=[1])["1", "true"] == (4, 1)
    assert lags.shown({0: 0, 1: 9}, read=[0, 1]) == {("0", "false"): (0, 0), ("1", "false"): (4, 2)}


def test_a_partition_that_went_to_another_consumer_is_no_longer_shown(lags: Lags) -> None:
    lags.place({0: (0, 3), 1: (0, 0)})
    lags.shown({0: 3, 1: 0}, read=[0, 1])

    assert list(lags.shown({0: 3, 1: 0}, read=[1])) == [("1", "false")]


def test_lags_are_measured_once_a_second(lags: Lags) -> None:
    lags.place({0: (0, 0)})
    lags.shown({0: 0}, read=[0])

    assert lags.shown({0: 7}, read=[0], after=0.5) == {("0", "false"): (0, 0)}
