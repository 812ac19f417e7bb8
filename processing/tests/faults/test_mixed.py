"""Faults in a random row, some of them on top of each other, under load that never ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from random import Random

from deploy.local.product import ROOT
from ingestion.tests.mortal_door import POINTS as DOOR_POINTS
from ingestion.tests.orders import Order
from processing.tests.faults import inflicting
from processing.tests.faults.inflicting import away, frozen
from processing.tests.faults.mortal_consumer import POINTS as CONSUMER_POINTS
from processing.tests.faults.world import World

ROUNDS = 8
LONGEST = 4.0  # seconds of a fault that lasts
SIGNALS = [signal.SIGKILL, signal.SIGTERM]

Fault = Callable[[World, Random], None]


def test_a_random_row_of_faults_loses_and_doubles_nothing(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        for _ in range(ROUNDS):
            rng.choice(FAULTS)(world, rng)
        world.recovers(load)

    world.assert_exact()
    assert reconciled(world)


def reconciled(world: World) -> bool:
    """Whether the command, in a process of its own, finds nothing wrong."""
    command = [sys.executable, "manage.py", "reconcile", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=world.site.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return True


def a_door_ends(world: World, rng: Random) -> None:
    world.dies(world.door, Order(rng.choice(DOOR_POINTS), rng.choice(SIGNALS), passes=rng.randrange(5)))
    world.start_door()


def a_consumer_ends(world: World, rng: Random) -> None:
    order = Order(rng.choice(CONSUMER_POINTS), rng.choice(SIGNALS), careful=rng.random() < 0.3)
    world.dies(world.consumer, order, meanwhile=lambda: world.litter(rng))
    world.start_consumer()


def servers_are_away_or_frozen(world: World, rng: Random) -> None:
    """One or two of them at once."""
    with ExitStack() as stack:
        for server in rng.sample(list(world.site.servers), rng.randrange(1, 3)):
            stack.enter_context(rng.choice([away, frozen])(server))
        inflicting.lasting(rng.uniform(0, LONGEST))


def postgresql_stops_at_once(world: World, rng: Random) -> None:
    with rng.choice([inflicting.stopped_at_once, inflicting.stopped_during_commit])(world.site):
        inflicting.lasting(rng.uniform(0, LONGEST))


def postgresql_is_read_only(world: World, rng: Random) -> None:
    with inflicting.read_only(world.site):
        inflicting.lasting(rng.uniform(0, LONGEST))


def a_table_is_locked(world: World, rng: Random) -> None:
    with inflicting.locked(world.site, rng.choice(["events", "progress", "ledger_minute"])):
        inflicting.lasting(rng.uniform(0, LONGEST))


def garbage_comes_in(world: World, rng: Random) -> None:
    for _ in range(rng.randrange(1, 5)):
        world.litter(rng)


FAULTS: list[Fault] = [
    a_door_ends,
    a_consumer_ends,
    servers_are_away_or_frozen,
    postgresql_stops_at_once,
    postgresql_is_read_only,
    a_table_is_locked,
    garbage_comes_in,
]
