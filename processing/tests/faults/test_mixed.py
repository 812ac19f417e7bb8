"""Faults in a random row, some of them on top of each other, under load that never ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from random import Random

from deploy.local.processes import CONSUMER
from ingestion.tests.kill_points import KillOrder
from ingestion.tests.killable_receiver import POINTS as RECEIVER_POINTS
from processing.tests.faults import fault_injection
from processing.tests.faults.fault_deployment import RECOVERY, World
from processing.tests.faults.fault_injection import away, frozen
from processing.tests.faults.killable_consumer import POINTS as CONSUMER_POINTS

ROUNDS = 8
LONGEST = 4.0  # seconds of a fault that lasts
FORGOTTEN = 12.0  # seconds; past the session timeout
SIGNALS = [signal.SIGKILL, signal.SIGTERM]

Fault = Callable[[World, Random], None]


def test_a_random_row_of_faults_loses_and_doubles_nothing(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        for _ in range(ROUNDS):
            rng.choice(FAULTS)(world, rng)
        world.recovers(load)

    world.reconciles = True
    world.assert_exact()


def a_receiver_ends(world: World, rng: Random) -> None:
    world.dies(world.receiver, KillOrder(rng.choice(RECEIVER_POINTS), rng.choice(SIGNALS), passes=rng.randrange(5)))
    world.start_receiver()


def a_consumer_ends(world: World, rng: Random) -> None:
    order = KillOrder(rng.choice(CONSUMER_POINTS), rng.choice(SIGNALS), careful=rng.random() < 0.3)
    world.dies(world.consumer, order, meanwhile=lambda: world.litter(rng))
    world.start_consumer()


def servers_are_away_or_frozen(world: World, rng: Random) -> None:
    """One or two of them at once."""
    with ExitStack() as stack:
        for server in rng.sample(list(world.site.servers), rng.randrange(1, 3)):
            stack.enter_context(rng.choice([away, frozen])(server))
        fault_injection.lasting(rng.uniform(0, LONGEST))


def postgresql_stops_at_once(world: World, rng: Random) -> None:
    with rng.choice([fault_injection.stopped_at_once, fault_injection.stopped_during_commit])(world.site):
        fault_injection.lasting(rng.uniform(0, LONGEST))


def postgresql_is_read_only(world: World, rng: Random) -> None:
    with fault_injection.read_only(world.site):
        fault_injection.lasting(rng.uniform(0, LONGEST))


def a_table_is_locked(world: World, rng: Random) -> None:
    with fault_injection.locked(world.site, rng.choice(["events", "progress", "ledger_minute"])):
        fault_injection.lasting(rng.uniform(0, LONGEST))


def garbage_comes_in(world: World, rng: Random) -> None:
    for _ in range(rng.randrange(1, 5)):
        world.litter(rng)


def a_consumer_is_frozen(world: World, rng: Random) -> None:
    """For a moment, or so long that the group forgets it."""
    consumer = world.consumer
    consumer.freeze()
    try:
        fault_injection.lasting(rng.choice([rng.uniform(0, LONGEST), FORGOTTEN]))
    finally:
        consumer.thaw()


def another_consumer_joins_and_leaves(world: World, rng: Random) -> None:
    other = world.site.launch(CONSUMER)
    fault_injection.lasting(rng.uniform(0, 2 * LONGEST))
    rng.choice([other.ask_to_stop, other.kill])()
    world.site.wait_for(lambda: not other.running, RECOVERY)


def a_row_is_refused(world: World, rng: Random) -> None:
    world.put_refused_row(rng, among=rng.randrange(1, 100))


FAULTS: list[Fault] = [
    a_receiver_ends,
    a_consumer_ends,
    servers_are_away_or_frozen,
    postgresql_stops_at_once,
    postgresql_is_read_only,
    a_table_is_locked,
    garbage_comes_in,
    a_consumer_is_frozen,
    another_consumer_joins_and_leaves,
    a_row_is_refused,
]
