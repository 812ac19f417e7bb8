"""Our processes' clocks are an hour off."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from processing.tests.faults.fault_deployment import World

LIBRARIES = [
    Path("/usr/lib") / folder / "faketime" / "libfaketimeMT.so.1"
    for folder in ("x86_64-linux-gnu", "aarch64-linux-gnu", "")
]
LIBRARY = next((path for path in LIBRARIES if path.exists()), None)


# Alone: libfaketime's sleep fails with EINVAL if the machine is so loaded that its end has passed already.
@pytest.mark.alone
@pytest.mark.skipif(LIBRARY is None, reason="there is no libfaketime: on Debian and Ubuntu, apt-get install faketime")
@pytest.mark.parametrize(
    "offset", [pytest.param("+1h", marks=pytest.mark.sample, id="ahead"), pytest.param("-1h", id="behind")]
)
def test_clocks_that_are_an_hour_off_lose_and_double_nothing(world: World, rng: Random, offset: str) -> None:
    # A clock that shows how much time has passed can't be wrong by an hour.
    off = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with world.load(rng) as load:
        world.restart(**{rng.choice(["receiver", "consumer"]): off})
        world.goes_on(load, events=300)
        world.restart(receiver=off, consumer=off)
        world.goes_on(load, events=300)
        world.restart(receiver={}, consumer={})
        world.recovers(load)

    world.assert_exact()
