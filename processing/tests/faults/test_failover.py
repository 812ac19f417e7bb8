"""PostgreSQL fails over to a standby that is behind, under load: what it had not got comes back from Kafka."""

from __future__ import annotations

from contextlib import closing
from random import Random

from processing.tests import expectations
from processing.tests.faults.fault_deployment import World
from processing.tests.faults.standby import Standby


def test_a_standby_that_takes_over_without_the_last_commits_loses_nothing(world: World, rng: Random) -> None:
    with world.load(rng) as load, closing(Standby(world.site)) as standby:
        world.litter(rng)
        world.goes_on(load, events=rng.randrange(50, 200))
        standby.fall_behind()
        behind = sum(expectations.progress(world.site).values())
        world.litter(rng)
        world.goes_on(load, events=rng.randrange(50, 200))
        world.site.wait_for(lambda: sum(expectations.progress(world.site).values()) > behind)
        standby.take_over()
        assert standby.timeline() > 1
        world.recovers(load)

    world.site.wait_for(lambda: "another PostgreSQL server has taken over" in world.consumer.log)
    world.assert_exact()
    world.manage("reconcile")
    told = "SELECT detail FROM incident WHERE kind = 'rollback' AND subject LIKE '%-raw/%'"
    assert all(text.startswith("PostgreSQL has lost") for (text,) in expectations.query(world.site, told))
    assert expectations.query(world.site, told) != []
