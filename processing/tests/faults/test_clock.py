"""Our processes' clocks are an hour off."""

from __future__ import annotations

from random import Random

import pytest

from processing.tests.faults.fault_deployment import World
from processing.tests.wrong_clock import needs_faketime, off_by


# Alone: libfaketime's sleep fails with EINVAL if the machine is so loaded that its end has passed already.
@pytest.mark.alone
@needs_faketime
@pytest.mark.parametrize(
    "offset", [pytest.param("+1h", marks=pytest.mark.sample, id="ahead"), pytest.param("-1h", id="behind")]
)
def test_clocks_that_are_an_hour_off_lose_and_double_nothing(world: World, rng: Random, offset: str) -> None:
    off = off_by(offset)
    with world.load(rng) as load:
        world.restart(**{rng.choice(["receiver", "consumer"]): off})
        world.goes_on(load, events=300)
        world.restart(receiver=off, consumer=off)
        world.goes_on(load, events=300)
        world.restart(receiver={}, consumer={})
        world.recovers(load)

    world.assert_exact()
