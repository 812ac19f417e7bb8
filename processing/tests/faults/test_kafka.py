"""Kafka stops, freezes, restarts, and loses what it held."""

from __future__ import annotations

from random import Random

import pytest

from processing.tests.faults import fault_injection
from processing.tests.faults.fault_deployment import World
from processing.tests.faults.fault_injection import away, frozen


def test_a_kafka_that_stops_is_waited_for(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        with away(world.site.servers.kafka):
            fault_injection.lasting(rng.uniform(1, 8))
        world.recovers(load)

    world.assert_exact()


@pytest.mark.sample
def test_a_kafka_frozen_longer_than_the_delivery_timeout_costs_nothing_that_was_acknowledged(
    world: World, rng: Random
) -> None:
    with world.load(rng) as load:
        with frozen(world.site.servers.kafka):
            # Past the session timeout too, so that the group forgets its member.
            fault_injection.lasting(rng.uniform(11, 14))
        world.recovers(load)

    world.assert_exact()


def test_a_restarted_kafka_is_found_again(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        with away(world.site.servers.kafka):
            pass
        world.recovers(load)

    world.assert_exact()


def test_a_killed_kafka_is_found_again(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        world.site.servers.kafka.kill()
        world.site.servers.kafka.start()
        world.recovers(load)

    world.assert_exact()
