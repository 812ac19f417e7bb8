"""Members of clusters are killed, frozen, restarted and replaced under load, which both receivers take."""

from __future__ import annotations

from random import Random

import pytest

from processing.tests.cluster.cluster_deployment import ClusterWorld
from processing.tests.faults.fault_deployment import RECOVERY


@pytest.mark.sample
def test_the_partitions_of_a_killed_broker_are_led_by_the_others(world: ClusterWorld, rng: Random) -> None:
    brokers = world.cluster.kafka
    victim = rng.choice([broker for broker in brokers.members if broker is not brokers.controller()])
    with world.load(rng) as load:
        victim.kill()
        world.recovers(load)
        victim.start()
        world.site.wait_for(brokers.is_whole, RECOVERY)
        world.goes_on(load)

    world.assert_exact()
