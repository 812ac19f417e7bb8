"""Consumers join, leave, are killed and frozen, under load."""

from __future__ import annotations

import signal
import time
from random import Random

import pytest

from deploy.local.processes import CONSUMER
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.tests.client import call
from processing.tests.faults import fault_injection
from processing.tests.faults.fault_deployment import RECOVERY, World

PARTITIONS = 6
PACE = 3.0  # seconds between two changes of the group
MOST = 3  # consumers beside the world's own
# The first seed churns for as long as the promise says; the others repeat its beginning by other chances.
CHURN = {1: 180.0}  # seconds
SHORT_CHURN = 40.0


def test_a_killed_consumers_partitions_go_to_the_other(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        one, other = world.consumer, second(world)
        one.kill()
        world.site.wait_for(lambda: len(partitions(other)) == PARTITIONS, RECOVERY)
        world.recovers(load)
        other.stop()
        assert world.consumer.running

    world.assert_exact()


@pytest.mark.sample
def test_a_frozen_consumer_that_thaws_repeats_nothing(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        zombie, other = world.consumer, second(world)
        zombie.freeze()
        try:
            world.site.wait_for(lambda: len(partitions(other)) == PARTITIONS, RECOVERY)
            # Its successor gets past whatever it held.
            world.recovers(load)
        finally:
            zombie.thaw()
        world.site.wait_for(lambda: len(partitions(zombie)) > 0, RECOVERY)
        assert zombie.running
        other.stop()

    world.assert_exact()


def test_consumers_that_join_leave_and_freeze_every_three_seconds_are_exact_together(
    world: World, rng: Random, seed: int
) -> None:
    group = Group(world.site, rng)
    with world.load(rng, senders=1) as load:
        ends = time.monotonic() + CHURN.get(seed, SHORT_CHURN)
        while time.monotonic() < ends:
            group.change()
            fault_injection.lasting(PACE)
        group.thaw()
        world.recovers(load)
    group.stop()

    world.assert_exact()


class Group:
    """Consumers that come and go beside one that stays."""

    def __init__(self, site: Deployment, rng: Random) -> None:
        self._site = site
        self._rng = rng
        self._running: list[ProductProcess] = []
        self._frozen: list[ProductProcess] = []

    def change(self) -> None:
        """Let one join, leave, be killed, freeze or thaw."""
        possible = [self._join] if len(self._running) + len(self._frozen) < MOST else []
        possible += [self._leave, self._kill, self._freeze] if self._running else []
        possible += [self.thaw] if self._frozen else []
        self._rng.choice(possible)()

    def thaw(self) -> None:
        for consumer in self._frozen:
            consumer.thaw()
        self._running += self._frozen
        self._frozen = []

    def stop(self) -> None:
        for consumer in self._running:
            # The last to join may have started too recently to handle the signal, and has no records yet.
            assert consumer.stop() in (0, -signal.SIGTERM), consumer.log

    def _join(self) -> None:
        self._running.append(self._site.launch(CONSUMER))

    def _leave(self) -> None:
        self._one().ask_to_stop()

    def _kill(self) -> None:
        self._one().kill()

    def _freeze(self) -> None:
        one = self._one()
        one.freeze()
        self._frozen.append(one)

    def _one(self) -> ProductProcess:
        return self._running.pop(self._rng.randrange(len(self._running)))


def second(world: World) -> ProductProcess:
    """Start a consumer beside the world's own and wait until they share the partitions."""
    one, other = world.consumer, world.site.start_consumer()
    world.site.wait_for(lambda: divided(partitions(one), partitions(other)), RECOVERY)
    return other


def divided(one: set[int], other: set[int]) -> bool:
    """Whether each has some, and together they have all; while they are handed over both may show them."""
    return bool(one and other) and len(one | other) == PARTITIONS and not one & other


def partitions(consumer: ProductProcess) -> set[int]:
    return set(call(consumer.url, "GET", "/readyz").json["partitions"])
