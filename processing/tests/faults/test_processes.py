"""Receivers and consumers are killed, or told to end, at each of their points under load, or die of an event."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from random import Random

import pytest

from deploy.local.processes import CONSUMER, ProcessSpec
from deploy.testing.deployment import ProductProcess
from ingestion.tests.kill_points import KillOrder
from ingestion.tests.killable_receiver import POINTS as RECEIVER_POINTS
from processing.consumer.crashes.crash_isolation import AFTER
from processing.tests import expectations, group
from processing.tests.faults.fault_deployment import RECOVERY, World
from processing.tests.faults.killable_consumer import POINTS as CONSUMER_POINTS
from processing.tests.faults.load import make_event


def ends(points: Iterable[str], sampled: str) -> list[object]:
    """Return each point with each signal; `make test` runs the killing one at `sampled`."""
    found: list[object] = []
    for point, by in product(points, (signal.SIGKILL, signal.SIGTERM)):
        marks = [pytest.mark.sample] if (point, by) == (sampled, signal.SIGKILL) else []
        found.append(pytest.param(by, point, id=f"{by.name}-{point}", marks=marks))
    return found


@pytest.mark.parametrize(("by", "point"), ends(RECEIVER_POINTS, "after send"))
def test_a_receiver_that_ends_at_any_point_loses_and_doubles_nothing(
    world: World, rng: Random, point: str, by: signal.Signals
) -> None:
    with world.load(rng) as load:
        world.dies(world.receiver, KillOrder(point, by, passes=rng.randrange(10)))
        world.start_receiver()
        world.recovers(load)

    world.assert_exact()


@pytest.mark.parametrize(("by", "point"), ends(CONSUMER_POINTS, "transaction"))
def test_a_consumer_that_ends_at_any_point_under_load_loses_and_doubles_nothing(
    world: World, rng: Random, point: str, by: signal.Signals
) -> None:
    with world.load(rng) as load:
        # A batch with letters passes the same points.
        order = KillOrder(point, by, passes=0 if point == "letters" else rng.randrange(4), careful=rng.random() < 0.3)
        world.dies(world.consumer, order, meanwhile=lambda: world.litter(rng))
        world.start_consumer()
        world.recovers(load)

    world.assert_exact()


@pytest.mark.parametrize("where", ["decode", "write_rows"])
def test_an_event_that_aborts_the_process_is_set_aside_after_three_crashes(
    world: World, rng: Random, where: str
) -> None:
    dying = ProcessSpec("dying consumer", CONSUMER.port_setting, ("-m", "processing.tests.aborting_consumer", where))
    poison = replace(make_event(rng, next(world.numbers), "poisonous"), payload={"text": "poison"})
    world.expected.letters[poison.source, "internal_error"] += 1
    crashes = 0
    with world.load(rng, senders=1) as load:
        assert world.consumer.stop() == 0
        world.send(poison)
        # Small batches, since the one that it is in is gone through line by line.
        while not outlives(world, world.site.launch(dying, {"DATAFLOW_BATCH_EVENTS": "50"})):
            crashes += 1
            group.expel_members(world.site.name)
        world.start_consumer()
        world.recovers(load)

    # Those that got further before they died are not crashes at the same place.
    assert crashes > AFTER
    world.assert_exact()


def outlives(world: World, consumer: ProductProcess) -> bool:
    """Whether it sets aside what killed those before it; it ends in order then."""
    world.site.wait_for(
        lambda: not consumer.running or expectations.letters(world.site) == world.expected.letters, RECOVERY
    )
    return consumer.running and consumer.stop() == 0
