"""An event that the process dies of is found after some crashes and becomes a letter; all the rest is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from deploy.local.processes import ProcessSpec
from deploy.testing import pgbouncer
from deploy.testing.deployment import Deployment
from ingestion.kafka import record_encoder
from processing.consumer import loop
from processing.consumer.crashes import single_step
from processing.consumer.crashes.crash_isolation import CrashIsolation, StartedLine
from processing.events.batch import WHOLE, Record
from processing.kafka.consumer import Consumer
from processing.kafka.end_offsets import OffsetsReader, TopicOffsets
from processing.models import DeadLetter, Incident, PartitionStart, Topic
from processing.stores.row_store import RowStore
from processing.tests import expectations, factories, group
from processing.tests.commands import run_json
from processing.tests.consumer_thread import running_loop
from processing.tests.expectations import Expected
from processing.tests.factories import NOON, event_id, line
from processing.tests.in_flight import write_documents_in_flight
from processing.tests.reference_rollups import Sent

MOST_CRASHES = 8

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_step, "LENGTH", timedelta(milliseconds=600))


@pytest.mark.sample
@pytest.mark.parametrize("where", [pytest.param("decode", marks=pytest.mark.faults), "write_rows"])
def test_an_event_that_kills_the_process_becomes_a_letter_and_the_rest_is_stored(site: Deployment, where: str) -> None:
    expected = Expected()
    put(site, expected, good(1), good(2))
    put(site, expected, good(3), line(4, b'{"poison":4}'), good(5))
    put(site, expected, good(6))
    # Alone in its record, and close by.
    put(site, expected, line(7, b'{"poison":7}', source="sensor-2"))
    put(site, expected, good(8))
    expected.letters += {("sensor-1", "internal_error"): 1, ("sensor-2", "internal_error"): 1}

    crashes = run_until_all_is_stored(site, where)

    assert 4 <= crashes <= 6
    expectations.assert_exact(site, expected)
    letters = DeadLetter.objects.order_by("offset")
    assert [(one.offset, one.line, str(one.event_id)) for one in letters] == [(1, 1, event_id(4)), (3, 0, event_id(7))]
    assert {one.kind for one in Incident.objects.all()} == {"crash"}


@pytest.mark.faults
def test_an_event_that_kills_the_process_while_it_is_published_is_passed_over(site: Deployment) -> None:
    expected = Expected()
    put(site, expected, good(1))
    put(site, expected, line(2, b'{"poison":2}'))
    put(site, expected, good(3))

    crashes = run_until_all_is_stored(site, "publish")

    assert 4 <= crashes <= 6
    assert expectations.rows(site).keys() == {("sensor-1", event_id(number)) for number in (1, 2, 3)}
    assert expectations.published(site) >= expected.events.keys()
    assert expectations.differences() == []


def test_a_consumer_that_ends_well_counts_for_nothing(site: Deployment) -> None:
    for _ in range(2):
        consumer = site.start_consumer()
        site.wait_for(lambda: PartitionStart.objects.filter(starts=1).count() == 6, 30)
        assert consumer.stop() == 0
        assert set(PartitionStart.objects.values_list("starts", flat=True)) == {0}


def test_starts_at_the_same_place_count_up() -> None:
    start = StartedLine(40, starts=1)

    assert start.again(at=40) == StartedLine(40, starts=2)
    assert start.again(at=41) == StartedLine(41, starts=1)


def test_after_three_crashes_at_one_place_the_next_start_rehearses() -> None:
    assert [StartedLine(40, starts=starts).is_single_step for starts in (1, 2, 3, 4)] == [False, False, False, True]


def test_what_was_in_hand_alone_when_the_process_died_is_isolated() -> None:
    start = StartedLine(40, starts=4, suspect=(41, 2))

    assert start.again(at=40) == StartedLine(40, starts=5, isolated=((41, 2),))


def test_another_offender_close_by_needs_no_three_crashes_of_its_own() -> None:
    start = StartedLine(40, starts=4, suspect=(43, WHOLE), isolated=((41, 2),))

    assert start.again(at=43) == StartedLine(43, starts=5, isolated=((41, 2), (43, WHOLE)))


def test_what_a_process_that_lives_has_in_hand_is_not_isolated_when_its_partition_goes_to_another(
    site: Deployment,
) -> None:
    ends = ends_of_topic(site)
    record = factories.record(good(1))
    first, second = rehearsing(ends), CrashIsolation(RowStore())
    first.mark_in_flight(record, WHOLE)

    second.count({0: 0}, ends)

    assert second.asides([record]) == {}
    for one in (first, second):
        end(one)


@pytest.fixture(params=["directly", pytest.param("through PgBouncer", marks=pgbouncer.needs_pgbouncer)])
def connected(request: pytest.FixtureRequest, site: Deployment) -> Iterator[None]:
    """How this process connects to PostgreSQL."""
    with nullcontext() if request.param == "directly" else pgbouncer.between(site):
        yield


@pytest.mark.usefixtures("connected")
def test_a_process_that_lost_its_partition_in_a_rehearsal_is_in_nobodys_way(site: Deployment) -> None:
    ends = ends_of_topic(site)
    innocent, guilty = factories.record(good(1)), factories.record(good(2), offset=1)
    frozen, crashed, crashes = rehearsing(ends), CrashIsolation(RowStore()), CrashIsolation(RowStore())
    frozen.mark_in_flight(innocent, WHOLE)
    frozen.clear_mark(innocent)
    frozen.close()

    crashed.count({0: 0}, ends)
    crashed.mark_in_flight(guilty, WHOLE)
    # The frozen one wakes up; what it does counts for nothing.
    frozen.mark_in_flight(innocent, WHOLE)
    frozen.clear_mark(innocent)
    frozen.leave([0])
    end(crashed)
    crashes.count({0: 0}, ends)

    assert crashes.asides([innocent, guilty]).keys() == {(0, 1)}
    for one in (frozen, crashes):
        end(one)


@pytest.mark.parametrize("leaves", [True, False])
def test_a_rehearsal_that_is_over_is_in_no_other_ones_way(site: Deployment, leaves: bool) -> None:
    ends = ends_of_topic(site)
    innocent, guilty = factories.record(good(1)), factories.record(good(2), offset=1)
    well, crashed, crashes = rehearsing(ends), CrashIsolation(RowStore()), CrashIsolation(RowStore())
    well.take([innocent])
    well.mark_in_flight(innocent, WHOLE)
    if leaves:
        well.take([guilty])
        well.leave([0])
    else:
        well.clear_mark(innocent)

    for _ in range(3):
        CrashIsolation(crashed.rows).count({0: 1}, ends)
    crashed.count({0: 1}, ends)
    crashed.mark_in_flight(guilty, WHOLE)
    end(crashed)
    crashes.count({0: 1}, ends)

    assert crashes.asides([guilty]).keys() == {(0, 1)}
    for one in (well, crashes):
        end(one)


def test_what_is_left_of_a_record_that_was_isolated_as_a_whole_becomes_no_row(site: Deployment) -> None:
    factories.put(site.raw_topic, good(1), good(2), good(3))
    assert write_documents_in_flight() == 3
    topic = Topic.objects.create(kafka_id=ends_of_topic(site).topic, name=site.raw_topic)
    PartitionStart.objects.create(topic=topic, partition=0, next_offset=0, isolated=[[0, WHOLE]])
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)

    rebuilt = run_json("rebuild_rows")
    repaired = run_json("reconcile", "--repair")

    assert [letter.line for letter in DeadLetter.objects.all()] == [0]
    assert rebuilt["rows"] == 0
    assert repaired["repaired"] == {"documentsDiscarded": 3}
    assert repaired["ok"]


def test_what_is_isolated_in_one_topic_is_not_in_another_of_its_name(site: Deployment) -> None:
    ends = ends_of_topic(site)
    record = factories.record(good(1))
    crashes = that_know_as_isolated(record, ends)

    crashes.count({0: 0}, replace(ends, topic=uuid4()))

    assert crashes.asides([record]) == {}
    end(crashes)


def test_what_is_not_isolated_any_more_is_processed_by_a_consumer_that_knew_it_as_isolated(site: Deployment) -> None:
    ends = ends_of_topic(site)
    record = factories.record(good(1))
    crashes = that_know_as_isolated(record, ends)

    PartitionStart.objects.update(isolated=[])
    crashes.count({0: 0}, ends)

    assert crashes.asides([record]) == {}
    end(crashes)


@pytest.mark.faults
def test_a_consumer_that_goes_on_line_by_line_is_not_taken_for_stalled(
    site: Deployment, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Consumer] = []

    def make() -> Consumer:
        made.append(Consumer())
        return made[-1]

    monkeypatch.setattr(loop, "Consumer", make)
    suspect = CrashIsolation.mark_in_flight

    def slowly(crashes: CrashIsolation, record: Record, line: int) -> None:
        threading.Event().wait(0.1)
        suspect(crashes, record, line)

    monkeypatch.setattr(CrashIsolation, "mark_in_flight", slowly)
    monkeypatch.setattr(loop, "STALL_CHECK", 0.3)
    settings.DATAFLOW_BATCH_EVENTS = 10
    for partition in (0, 1):
        factories.put_all(
            site.raw_topic,
            [good(number) for number in range(partition * 50, partition * 50 + 50)],
            partition=partition,
            headers=record_encoder.headers(count=1),
        )
    ends = ends_of_topic(site)
    rows = RowStore()
    for _ in range(4):
        CrashIsolation(rows).count({0: 0, 1: 0}, ends)
    rows.close()

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 60)

    assert len(made) == 1
    assert expectations.totals(site) == {"sensor-1": (100, 100, 0, 0)}


def rehearsing(ends: TopicOffsets) -> CrashIsolation:
    """One that has partition 0 from offset 0 on, and goes on line by line."""
    crashes = CrashIsolation(RowStore())
    for _ in range(3):
        CrashIsolation(crashes.rows).count({0: 0}, ends)
    crashes.count({0: 0}, ends)
    return crashes


def end(crashes: CrashIsolation) -> None:
    """End what one holds, as the end of its process does."""
    crashes.close()
    crashes.rows.close()


def that_know_as_isolated(record: Record, ends: TopicOffsets) -> CrashIsolation:
    """The account of a consumer that started after another one had died with this record in hand."""
    crashed, crashes = rehearsing(ends), CrashIsolation(RowStore())
    crashed.mark_in_flight(record, WHOLE)
    end(crashed)
    crashes.count({0: 0}, ends)
    assert crashes.asides([record]).keys() == {(record.partition, record.offset)}
    return crashes


def ends_of_topic(site: Deployment) -> TopicOffsets:
    reader = OffsetsReader([site.servers.kafka.address], site.raw_topic)
    try:
        return reader.ask()
    finally:
        reader.close()


def run_until_all_is_stored(site: Deployment, where: str) -> int:
    """Start the consumer again whenever it died, as the launcher would; give how often it did."""
    part = ProcessSpec("dying consumer", "PROCESSOR_SERVICE_PORT", ("-m", "processing.tests.aborting_consumer", where))
    for crashes in range(MOST_CRASHES):
        process = site.launch(part)
        site.wait_for(lambda one=process: not one.running or has_all(site), 60)  # type: ignore[misc]
        if process.running:
            assert process.stop() == 0
            return crashes
        group.expel_members(site.name)
    raise AssertionError(f"it died {MOST_CRASHES} times\n{site.logs()}")


def has_all(site: Deployment) -> bool:
    # In this order: before the first batch the group has no coordinator to ask.
    return expectations.caught_up(site) and expectations.all_committed(site)


def put(site: Deployment, expected: Expected, *lines: bytes) -> None:
    factories.put(site.raw_topic, *lines)
    numbers = [number for number in range(20) for text in lines if text == good(number)]
    expected.add(Sent("sensor-1", event_id(number), NOON, {"n": number}) for number in numbers)


def good(number: int) -> bytes:
    return line(number, b'{"n":%d}' % number)
