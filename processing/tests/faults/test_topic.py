"""Records are gone before anybody read them: a gap in the ledger says so, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from ingestion.tests import topic
from processing.tests import expectations
from processing.tests.expectations import Identity
from processing.tests.faults.fault_deployment import RECOVERY, World

Gap = tuple[int, int, int | None, str]  # partition, first and next offset, cause


def newest_gap(world: World) -> int:
    [(number,)] = expectations.query(world.site, "SELECT coalesce(max(id), 0) FROM ledger_gap")
    return int(number)


def gaps(world: World, *, after: int) -> set[Gap]:
    """Those that were noticed since; a topic that is created again may have the same ones."""
    rows = expectations.query(world.site, "SELECT id, partition, first_offset, next_offset, cause FROM ledger_gap")
    return {(partition, first, next_, cause) for number, partition, first, next_, cause in rows if number > after}


def held_between(world: World, firsts: Mapping[int, int], until: Mapping[int, int]) -> set[Identity]:
    """The events in these records of the topic."""
    return {
        (line["source"], line["id"])
        for partition, end in until.items()
        for line in topic.stretch(world.site.raw_topic, partition, firsts.get(partition, 0), end)
    }


def test_records_removed_before_they_were_read_are_a_gap_and_all_the_others_are_stored(
    world: World, rng: Random
) -> None:
    before = newest_gap(world)
    with world.load(rng) as load:
        assert world.consumer.stop() == 0
        read = expectations.progress(world.site)
        world.goes_on(load)
        waiting = {number: end for number, end in world.site.raw_ends().items() if end > read.get(number, 0)}
        removed = {
            number: rng.randrange(read.get(number, 0), waiting[number]) + 1
            for number in rng.sample(sorted(waiting), rng.randrange(1, len(waiting) + 1))
        }
        gone = held_between(world, read, removed)
        world.site.remove_raw_records(before=removed)
        world.start_consumer()
        world.recovers(load)

    assert gaps(world, after=before) == {(number, read.get(number, 0), to, "removed") for number, to in removed.items()}
    assert len(gone) > 0
    world.forgo(gone)
    world.assert_exact()


def test_a_topic_that_is_made_anew_costs_what_nobody_had_read_and_is_read_from_its_beginning(
    world: World, rng: Random
) -> None:
    before = newest_gap(world)
    with world.load(rng) as load:
        assert world.consumer.stop() == 0
        read = expectations.progress(world.site)
        world.goes_on(load)
        # In order: then what the senders hold for accepted is all there, and they send the rest again.
        world.receiver.stop()
        unread = held_between(world, read, world.site.raw_ends())
        world.site.recreate_raw_topic()
        gone = unread & {(event.source, event.id) for event in load.acknowledged}
        world.start_receiver()
        world.start_consumer()
        # Until then the progress that is known is the old topic's.
        wanted = {(number, to, None, "recreated") for number, to in read.items()}
        world.site.wait_for(lambda: gaps(world, after=before) == wanted, RECOVERY)
        world.recovers(load)

    assert len(gone) > 0
    world.forgo(gone)
    world.assert_exact()
