"""Doors and consumers are killed, or told to end, at each of their points under load."""

from __future__ import annotations

import signal
from random import Random

import pytest

from ingestion.tests.mortal_door import POINTS as DOOR_POINTS
from ingestion.tests.orders import Order
from processing.tests.faults.mortal_consumer import POINTS as CONSUMER_POINTS
from processing.tests.faults.world import World

SIGNALS = [signal.SIGKILL, signal.SIGTERM]


def samples(points: list[str], *names: str) -> list[object]:
    return [pytest.param(point, marks=pytest.mark.sample) if point in names else point for point in points]


@pytest.mark.parametrize("point", samples(list(DOOR_POINTS), "after send"))
@pytest.mark.parametrize("by", SIGNALS, ids=lambda by: by.name)
def test_a_door_that_ends_at_any_point_loses_and_doubles_nothing(
    world: World, rng: Random, point: str, by: signal.Signals
) -> None:
    with world.load(rng) as load:
        world.dies(world.door, Order(point, by, passes=rng.randrange(10)))
        world.start_door()
        world.recovers(load)

    world.assert_exact()


@pytest.mark.parametrize("point", samples(CONSUMER_POINTS, "transaction"))
@pytest.mark.parametrize("by", SIGNALS, ids=lambda by: by.name)
def test_a_consumer_that_ends_at_any_point_under_load_loses_and_doubles_nothing(
    world: World, rng: Random, point: str, by: signal.Signals
) -> None:
    with world.load(rng) as load:
        # A batch with letters passes the same points.
        order = Order(point, by, passes=0 if point == "letters" else rng.randrange(4), careful=rng.random() < 0.3)
        world.dies(world.consumer, order, meanwhile=lambda: world.litter(rng))
        world.start_consumer()
        world.recovers(load)

    world.assert_exact()
