"""What stands in the topic is not as it should be: garbage, half-bad and refused records, and those of a newer release."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from ingestion.kafka import record_headers
from ingestion.kafka.record_headers import Headers
from ingestion.tests.client import post
from processing.models import Hold
from processing.tests import expectations, factories
from processing.tests.faults.fault_deployment import PARTITIONS, RECOVERY, World, reached
from processing.tests.faults.load import canonical, make_event
from processing.tests.reference_rollups import Sent


def test_garbage_bad_text_and_half_bad_records_cost_their_own_lines_only(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        for _ in range(20):
            partition = rng.randrange(PARTITIONS)
            good = [make_event(rng, next(world.numbers), f"half-bad-{partition}") for _ in range(rng.randrange(1, 4))]
            lines = [canonical(event) for event in good]
            lines.insert(rng.randrange(len(lines) + 1), rng.choice([b"garbage", b"\xff\xfe", b"caf\xc3"]))
            factories.put(world.site.raw_topic, *lines, partition=partition)
            world.expected.add(good)
            world.expected.letters["", "not_json"] += 1
        world.recovers(load)

    world.assert_exact()


def test_a_row_that_the_store_refuses_in_a_batch_of_five_hundred_is_one_letter(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        world.put_refused_row(rng, among=500)
        world.recovers(load)

    world.assert_exact()


def test_a_thousand_bad_lines_in_a_row_hold_their_partition_and_nobody_elses(world: World, rng: Random) -> None:
    partition = rng.randrange(PARTITIONS)
    with world.load(rng) as load:
        factories.put_all(
            world.site.raw_topic, [b"not JSON %d" % number for number in range(1_000)], partition=partition
        )
        world.expected.letters["", "not_json"] += 1_000
        world.site.wait_for(lambda: held(world) == [partition], RECOVERY)
        ends = world.site.raw_ends()
        world.goes_on(load)
        world.site.wait_for(lambda: reached(expectations.progress(world.site), {**ends, partition: 0}), RECOVERY)
        world.manage("partitions", "resume", world.site.raw_topic, str(partition), "--through-end")
        world.recovers(load)

    world.assert_exact()
    assert held(world) == []


def held(world: World) -> list[int]:
    query = "SELECT partition FROM hold WHERE released_at IS NULL ORDER BY partition"
    return [partition for (partition,) in expectations.query(world.site, query)]


def test_a_hundred_identical_posts_at_once_are_one_event_and_ninety_nine_duplicates(world: World, rng: Random) -> None:
    event = make_event(rng, next(world.numbers), f"crowd-{rng.random()}")
    with world.load(rng) as load:
        with ThreadPoolExecutor(100) as pool:
            replies = list(pool.map(lambda _: post(world.receiver.url, expectations.as_json(event)), range(100)))
        assert {reply.status for reply in replies} == {202}
        world.expected.add([event] * 100)
        world.recovers(load)

    world.assert_exact()
    assert expectations.totals(world.site)[event.source] == (100, 1, 99, 0)


def test_the_same_id_with_another_payload_is_set_aside_and_the_first_stays(world: World, rng: Random) -> None:
    with world.load(rng) as load:
        for _ in range(10):
            world.litter(rng)
        # At another time, which PostgreSQL's key does not see.
        event = make_event(rng, next(world.numbers), "moved")
        world.send(event)
        world.send(Sent(event.source, event.id, event.ts + 1, event.payload))
        world.expected.add([event])
        world.expected.letters[event.source, "id_conflict"] += 1
        world.recovers(load)

    world.assert_exact()


def test_a_record_of_a_newer_release_holds_its_partition_for_the_upgrade_and_nothing_is_set_aside(
    world: World, rng: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = record_headers.FORMAT_VERSION + 1
    with world.load(rng) as load:
        event = make_event(rng, next(world.numbers), "newer")
        marks: Headers = [(record_headers.VERSION, b"%d" % newer)]
        factories.put(world.site.raw_topic, canonical(event), partition=rng.randrange(PARTITIONS), headers=marks)
        world.expected.add([event])
        world.site.wait_for(lambda: Hold.objects.filter(released_at=None, kind="version").count() == 1, 30)
        assert expectations.letters(world.site) == world.expected.letters
        assert world.consumer.stop() == 0
        world.start_consumer(understands=str(newer))
        world.recovers(load)

    # Reconcile, which reads the topic once more, is of the newer release too.
    monkeypatch.setattr(record_headers, "FORMAT_VERSION", newer)
    world.reconciles = False
    world.assert_exact()
    # What the next test starts is not.
    world.sound = False
