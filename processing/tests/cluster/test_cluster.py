"""Members of clusters are killed, frozen, restarted and replaced under load, which both receivers take."""

from __future__ import annotations

import json
import time
from random import Random

import pytest

from deploy.cluster.postgres_pair import Half, Pair
from deploy.local.processes import CONSUMER
from deploy.local.servers.kafka import Kafka
from ingestion.tests.client import JSON, call
from processing.tests import expectations
from processing.tests.cluster.cluster_deployment import ClusterWorld
from processing.tests.faults.fault_deployment import RECOVERY
from processing.tests.faults.load import make_event
from processing.tests.faults.test_group import partitions

PARTITIONS, MORE_PARTITIONS = 6, 12


@pytest.mark.sample
def test_the_partitions_of_a_killed_broker_are_led_by_the_others(world: ClusterWorld, rng: Random) -> None:
    with world.load(rng) as load:
        victim = rng.choice(followers(world))
        victim.kill()
        world.recovers(load)
        comes_back(world, victim)
        world.goes_on(load)

    world.assert_exact()


def test_the_partitions_of_a_frozen_broker_are_led_by_the_others(world: ClusterWorld, rng: Random) -> None:
    with world.load(rng) as load:
        victim = rng.choice(followers(world))
        victim.freeze()
        began = time.monotonic()
        world.recovers(load)
        # Kafka itself takes 9; no client waits for the frozen one much longer.
        assert time.monotonic() - began < 22
        victim.thaw()
        world.site.wait_for(world.cluster.kafka.is_whole, RECOVERY)
        world.goes_on(load)

    world.assert_exact()


def test_another_controller_takes_over_from_a_killed_one(world: ClusterWorld, rng: Random) -> None:
    with world.load(rng) as load:
        controller = world.cluster.kafka.controller()
        controller.kill()
        world.recovers(load)
        assert world.cluster.kafka.controller() is not controller
        comes_back(world, controller)
        world.goes_on(load)

    world.assert_exact()


def test_brokers_that_restart_one_after_the_other_cost_nothing(world: ClusterWorld, rng: Random) -> None:
    with world.load(rng) as load:
        for broker in rng.sample(world.cluster.kafka.members, 3):
            broker.stop()
            comes_back(world, broker)
        world.recovers(load)

    world.assert_exact()


@pytest.mark.sample
def test_a_primary_of_mongodb_that_steps_down_is_replaced(world: ClusterWorld, rng: Random) -> None:
    mongo = world.cluster.mongo
    with world.load(rng) as load:
        former, began = mongo.primary(), time.monotonic()
        mongo.step_down()
        world.recovers(load, since=began)
        assert mongo.primary() is not former
        world.goes_on(load)

    world.assert_exact()


def test_a_killed_primary_of_mongodb_is_replaced(world: ClusterWorld, rng: Random) -> None:
    mongo = world.cluster.mongo
    with world.load(rng) as load:
        victim = mongo.primary()
        assert victim is not None
        victim.kill()
        world.recovers(load)
        assert mongo.primary() is not None
        victim.start()
        world.goes_on(load)

    world.assert_exact()


@pytest.mark.sample
def test_a_synchronous_standby_of_postgresql_takes_over_with_everything(world: ClusterWorld, rng: Random) -> None:
    pair = world.cluster.postgres
    with world.load(rng) as load:
        former = primary(pair)
        began = time.monotonic()
        former.kill()
        pair.promote()
        world.recovers(load, since=began)
        rejoins(world, former)
        world.goes_on(load)

    world.assert_exact()
    # Nothing had to be read again.
    assert told(world) == []


def test_a_frozen_primary_of_postgresql_that_is_fenced_keeps_nobody(world: ClusterWorld, rng: Random) -> None:
    pair = world.cluster.postgres
    with world.load(rng) as load:
        former, began = primary(pair), time.monotonic()
        former.freeze()
        pair.promote()
        former.kill()
        world.recovers(load, since=began)
        rejoins(world, former)
        world.goes_on(load)

    world.assert_exact()
    assert told(world) == []


def test_what_an_asynchronous_standby_lacks_comes_back_from_kafka(world: ClusterWorld, rng: Random) -> None:
    pair = world.cluster.postgres
    with world.load(rng) as load:
        lags(world)
        behind = expectations.progress(world.site)
        world.goes_on(load, events=rng.randrange(50, 200))
        world.site.wait_for(lambda: expectations.progress(world.site) != behind)
        former = primary(pair)
        began = time.monotonic()
        former.kill()
        pair.promote()
        world.recovers(load, since=began)
        rejoins(world, former)
        world.goes_on(load)

    world.assert_exact()
    assert told(world) != []


def test_what_an_asynchronous_standby_and_kafka_lack_is_found_and_rebuilt(world: ClusterWorld, rng: Random) -> None:
    pair = world.cluster.postgres
    with world.load(rng) as load:
        lags(world)
        behind = expectations.progress(world.site)
        world.goes_on(load, events=rng.randrange(50, 200))
        world.site.wait_for(lambda: expectations.progress(world.site) != behind)
        world.stop_consumers()
        ahead = expectations.progress(world.site)
        former = primary(pair)
        former.kill()
        pair.promote()
        # As retention does, when nobody has noticed for a week.
        world.site.remove_raw_records(before=ahead)
        world.start_consumer()
        world.recovers(load)
        rejoins(world, former)

    world.site.wait_for(lambda: expectations.caught_up(world.site), RECOVERY)
    missing = expectations.differences()
    assert {difference["kind"] for difference in missing} != set()
    world.manage("rebuild_rows")
    world.assert_exact()


def test_consumers_that_are_added_removed_and_killed_share_the_partitions(world: ClusterWorld, rng: Random) -> None:
    with world.load(rng) as load:
        assert world.consumer.running
        world.consumers += [world.site.launch(CONSUMER) for _ in range(2)]
        world.site.wait_for(lambda: shared(world), RECOVERY)
        rng.shuffle(world.consumers)
        removed, killed = world.consumers.pop(), world.consumers.pop()
        assert removed.stop() == 0
        killed.kill()
        world.recovers(load)
        world.goes_on(load)

    world.assert_exact()


def test_partitions_grow_in_order_while_senders_wait(world: ClusterWorld, rng: Random) -> None:
    with world.load(rng) as load:
        world.goes_on(load, events=rng.randrange(50, 200))
        began = time.monotonic()
        for receiver in world.receivers:
            receiver.stop()
        world.manage("partitions", "grow", str(MORE_PARTITIONS))
        world.grown = True
        world.stop_consumers()
        world.start_consumer()
        world.start_receiver()
        world.recovers(load, since=began)
        world.goes_on(load)

    world.assert_exact()
    used = expectations.query(world.site, "SELECT DISTINCT partition FROM events")
    assert max(number for (number,) in used) >= PARTITIONS
    # The other tests count on six.
    world.sound = False


@pytest.mark.sample
def test_what_one_receiver_has_answered_another_repeats(world: ClusterWorld, rng: Random) -> None:
    sent = {**JSON, "Idempotency-Key": str(rng.random())}
    littered = make_event(rng, next(world.numbers), "repeated")
    body = json.dumps(expectations.as_json(littered)).encode()
    with world.load(rng):
        one, other = world.receivers
        first = call(one.url, "POST", "/ingest", body, sent)
        again = call(other.url, "POST", "/ingest", body, sent)
        # Without the key it is stored once all the same.
        once_more = call(other.url, "POST", "/ingest", body, JSON)
    world.expected.add([littered, littered])

    assert (first.status, "idempotency-replayed" in first.headers) == (202, False)
    assert (again.body, again.headers["idempotency-replayed"]) == (first.body, "true")
    assert once_more.json["eventId"] == first.json["eventId"]
    world.assert_exact()


def shared(world: ClusterWorld) -> bool:
    """Whether each consumer runs and has one partition."""
    return all(CONSUMER.is_ready(each.port) and len(partitions(each)) == 1 for each in world.consumers)


def followers(world: ClusterWorld) -> list[Kafka]:
    controller = world.cluster.kafka.controller()
    return [broker for broker in world.cluster.kafka.members if broker is not controller]


def comes_back(world: ClusterWorld, broker: Kafka) -> None:
    """Start a broker and wait until it has all that it missed."""
    broker.start()
    world.site.wait_for(world.cluster.kafka.is_whole, RECOVERY)


def primary(pair: Pair) -> Half:
    found = pair.primary()
    assert found is not None
    return found


def lags(world: ClusterWorld) -> None:
    """Make the standby asynchronous, and let it fall behind."""
    world.cluster.postgres.confirm_by_standby(wanted=False)
    world.cluster.postgres.fall_behind()
    world.site.wait_for(world.cluster.postgres.is_behind)


def rejoins(world: ClusterWorld, former: Half) -> None:
    """Start the former primary as the standby that confirms every commit."""
    pair = world.cluster.postgres
    former.start()
    pair.confirm_by_standby(wanted=True)
    world.site.wait_for(pair.is_confirmed, RECOVERY)


def told(world: ClusterWorld) -> list[tuple[str]]:
    """What incidents say of PostgreSQL's losses; each is taken note of."""
    found = expectations.query(world.site, "SELECT detail FROM incident WHERE kind = 'rollback'")
    with world.cluster.postgres.connect(world.site.name) as connection:
        connection.execute("DELETE FROM incident WHERE kind = 'rollback'")
    return found
