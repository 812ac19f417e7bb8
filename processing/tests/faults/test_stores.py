"""PostgreSQL, MongoDB and Redis stop, freeze, refuse and fill up under load, and are waited for."""

from __future__ import annotations

import json
import os
import time
from random import Random

import pytest

from deploy.local.servers.server import Server
from ingestion.tests.client import JSON, call
from processing.tests import expectations
from processing.tests.faults import fault_injection
from processing.tests.faults.fault_deployment import World, waits_for
from processing.tests.faults.fault_injection import away, frozen
from processing.tests.faults.load import SPAN, START, make_event

NAMES = {"postgres": "PostgreSQL", "mongo": "MongoDB"}
sample = pytest.mark.sample


def server(world: World, name: str) -> Server:
    found: Server = getattr(world.site.servers, name)
    return found


@pytest.mark.parametrize("name", ["postgres", pytest.param("mongo", marks=sample)])
def test_a_store_that_stops_is_waited_for(world: World, rng: Random, name: str) -> None:
    with world.load(rng) as load:
        with away(server(world, name)):
            world.site.wait_for(lambda: waits_for(world.consumer) == NAMES[name], 30)
            metrics = call(world.consumer.url, "GET", "/metrics").body.decode()
            assert f'processing_waiting_for{{reason="{NAMES[name].lower()}"}} 1.0' in metrics
            world.goes_on(load)
        world.recovers(load)
        # What it answers to probes is kept for a second.
        world.site.wait_for(lambda: waits_for(world.consumer) is None, 5)

    world.assert_exact()


@pytest.mark.parametrize("name", ["postgres", "mongo"])
def test_a_store_that_freezes_is_waited_for(world: World, rng: Random, name: str) -> None:
    with world.load(rng) as load:
        with frozen(server(world, name)):
            # Longer than a write to MongoDB may take.
            world.site.wait_for(lambda: call(world.consumer.url, "GET", "/readyz").status == 503, 30)
            world.goes_on(load, seconds=rng.uniform(4, 8))
        world.recovers(load)

    world.assert_exact()


@pytest.mark.parametrize("name", ["postgres", "mongo"])
def test_sigterm_while_a_store_is_frozen_exits_in_time(world: World, rng: Random, name: str) -> None:
    with world.load(rng) as load:
        consumer = world.consumer
        with frozen(server(world, name)):
            world.site.wait_for(lambda: call(consumer.url, "GET", "/readyz").status == 503, 30)
            assert consumer.stop(seconds=25) == 0, consumer.log
        assert world.consumer.running
        world.recovers(load)

    world.assert_exact()


def test_postgresql_stopped_at_once_during_a_commit_repeats_nothing(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        with fault_injection.stopped_during_commit(world.site):
            world.goes_on(load, seconds=rng.uniform(0, 2))
        world.recovers(load)

    world.assert_exact()


def test_postgresql_stopped_at_once_at_any_moment_repeats_nothing(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        fault_injection.lasting(rng.uniform(0, 0.5))
        with fault_injection.stopped_at_once(world.site):
            world.goes_on(load)
        world.recovers(load)

    world.assert_exact()


def test_a_read_only_postgresql_is_waited_for_and_nothing_is_set_aside(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        world.litter(rng)
        with fault_injection.read_only(world.site):
            world.site.wait_for(lambda: waits_for(world.consumer) == "PostgreSQL", 30)
            world.goes_on(load)
        world.recovers(load)

    world.assert_exact()


def test_a_lock_that_is_held_for_twenty_seconds_is_waited_for(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        with fault_injection.locked(world.site, rng.choice(["events", "progress", "ledger_minute"])):
            world.goes_on(load, seconds=20)
        world.recovers(load)

    world.assert_exact()


@pytest.mark.sample
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system for PostgreSQL to fill")
def test_a_full_disk_is_waited_for_and_nothing_is_set_aside(world: World, rng: Random, seed: int) -> None:
    with fault_injection.SmallDisk(world.site) as disk, world.load(rng) as load:
        # A month that nothing is stored in yet.
        load.swell(START - seed * 3 * SPAN)
        world.site.wait_for(lambda: waits_for(world.consumer) == "PostgreSQL", 60)
        load.swell(None)
        world.goes_on(load)
        disk.enlarge()
        world.recovers(load)

    world.assert_exact()


def test_without_redis_nothing_waits(world: World, rng: Random) -> None:
    with world.load(rng) as load, away(world.site.servers.redis):
        world.recovers(load)
        assert waits_for(world.consumer) is None

    world.assert_exact()


@pytest.mark.alone
@pytest.mark.sample
def test_no_request_waits_for_a_frozen_redis_longer_than_a_tenth_of_a_second(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        usual = slowest(world, rng)
        with frozen(world.site.servers.redis):
            world.recovers(load)
            assert slowest(world, rng) < 0.1 + max(usual, 0.05)

    world.assert_exact()


def slowest(world: World, rng: Random, *, requests: int = 40) -> float:
    """The longest that a request which has need of Redis took, in seconds."""
    longest = 0.0
    for _ in range(requests):
        event = make_event(rng, next(world.numbers), "hasty")
        body, headers = json.dumps(expectations.as_json(event)).encode(), {**JSON, "Idempotency-Key": event.id}
        began = time.monotonic()
        assert call(world.receiver.url, "POST", "/ingest", body, headers).status == 202
        longest = max(longest, time.monotonic() - began)
        world.expected.add([event])
    return longest
