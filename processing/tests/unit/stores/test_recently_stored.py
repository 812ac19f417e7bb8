"""The sample of stored events is spread over all that is remembered, and bounded."""

from __future__ import annotations

from processing.events import decoding
from processing.events.batch import Batch
from processing.stores.mongodb.recently_stored import KEPT, RecentlyStored
from processing.tests.factories import NOON, line, record


def filled(batches: int) -> RecentlyStored:
    recent = RecentlyStored()
    for number in range(batches):
        batch = Batch([record(line(number))])
        decoding.decode(batch, now=NOON)
        recent.add(batch.entries)
    return recent


def test_few_events_are_all_looked_up() -> None:
    assert len(filled(7).sample(100, seconds=60.0)) == 7


def test_many_are_looked_up_at_equal_distances_with_the_last_one() -> None:
    recent = filled(50)

    every, some = recent.sample(50, seconds=60.0), recent.sample(10, seconds=60.0)

    assert some == every[4::5]


def test_where_there_are_only_older_ones_they_are_the_whole_sample() -> None:
    recent = filled(50)

    assert recent.sample(10, seconds=0.0) == recent.sample(10, seconds=60.0)
    assert recent.sample(0, seconds=60.0) == []


def test_no_more_than_a_bound_is_remembered() -> None:
    recent = RecentlyStored()
    batch = Batch([record(line(1))])
    decoding.decode(batch, now=NOON)
    for _ in range(KEPT + 10):
        recent.add(batch.entries)
    recent.add([])

    assert len(recent.sample(2 * KEPT, seconds=60.0)) == KEPT
