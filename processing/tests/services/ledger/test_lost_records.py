"""Records that are gone before they were read: written down, told of, and stepped over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from deploy.testing.deployment import Deployment
from processing.events.batch import WHOLE, Letter, Record
from processing.kafka.administration.consumer_group import open_group
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger.incidents import open_incidents
from processing.models import DeadLetter, LedgerGap, PartitionStart, Progress, Topic
from processing.partitions import start_offsets
from processing.recovery.reconcile import reconcile
from processing.stores.letter_writer import write_letters
from processing.stores.row_store import RowStore
from processing.tests import expectations, factories, group
from processing.tests.commands import run_json
from processing.tests.consumer_thread import running_loop
from processing.tests.in_flight import write_documents_in_flight

pytestmark = pytest.mark.services

WAIT = 30  # seconds
PARTITION = 1

Found = tuple[int, int, int | None, str]


def gaps() -> list[Found]:
    return list(LedgerGap.objects.order_by("id").values_list("partition", "first_offset", "next_offset", "cause"))


def put(site: Deployment, count: int, *, first: int) -> None:
    factories.put_all(site.raw_topic, factories.good_lines(count, first=first), partition=PARTITION)


@dataclass(frozen=True, slots=True)
class Answers:
    """Kafka, as it answers from now on."""

    offsets: TopicOffsets
    epoch_ends: Mapping[int, int] = field(default_factory=dict)
    last: Record | None = None  # at the place of the last one that was read

    def ask(self) -> TopicOffsets:
        return self.offsets

    def ask_epoch_ends(self, epochs: Mapping[int, int]) -> dict[int, int]:
        return {number: self.epoch_ends[number] for number in epochs}

    def read(self, offsets: Mapping[int, int]) -> dict[int, Record]:
        return dict.fromkeys(offsets, self.last) if self.last else {}


def commit(offset: int) -> None:
    """Tell Kafka an offset in the group's name."""
    with open_group() as group_:
        assert group_.members() == 0
        group_.commit({PARTITION: offset})


def consume_all(site: Deployment) -> None:
    """Consume until everything is read and Kafka was told so."""
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site) and expectations.all_committed(site), WAIT)


@pytest.mark.sample
def test_what_retention_removed_while_nobody_read_is_a_gap_and_the_rest_is_read(site: Deployment) -> None:
    put(site, 30, first=0)
    consume_all(site)
    put(site, 30, first=30)

    site.remove_raw_records(before={PARTITION: 50})
    consume_all(site)

    assert gaps() == [(PARTITION, 30, 50, "removed")]
    assert "records 30 to 49 were removed" in open_incidents().get().detail
    assert expectations.totals(site) == {"sensor-1": (40, 40, 0, 0)}
    assert expectations.differences() == []


@pytest.mark.sample
def test_what_is_removed_beneath_a_consumer_that_is_frozen_is_a_gap(site: Deployment) -> None:
    put(site, 30, first=0)
    consumer = site.start_consumer()
    site.wait_for(lambda: expectations.caught_up(site), WAIT)

    consumer.freeze()
    put(site, 30, first=30)
    site.remove_raw_records(before={PARTITION: 50})
    consumer.thaw()
    site.wait_for(lambda: expectations.caught_up(site), WAIT)

    # A fetch that was on its way may have brought some of them.
    [(partition, first, next_offset, cause)] = gaps() or [(PARTITION, 50, 50, "removed")]
    assert (partition, next_offset, cause) == (PARTITION, 50, "removed")
    assert expectations.totals(site)["sensor-1"][0] == 60 - (50 - first)
    assert expectations.differences() == []
    assert consumer.running


@pytest.mark.sample
def test_a_topic_that_was_made_anew_is_read_from_its_beginning(site: Deployment) -> None:
    put(site, 30, first=0)
    consume_all(site)
    put(site, 10, first=30)

    site.recreate_raw_topic()
    put(site, 40, first=100)
    consume_all(site)

    # Of no partition can anybody tell any more whether it had further records.
    assert {cause for *_, cause in gaps()} == {"recreated"}
    assert (PARTITION, 30, None, "recreated") in gaps()
    assert "records 30 and later may have been lost" in open_incidents().get(subject=f"{site.raw_topic}/1").detail
    assert expectations.totals(site) == {"sensor-1": (70, 70, 0, 0)}
    assert expectations.differences() == []


def test_a_topic_that_is_made_anew_beneath_a_consumer_that_had_read_all_of_it_leaves_no_gap(site: Deployment) -> None:
    put(site, 30, first=0)
    consumer = site.start_consumer()
    site.wait_for(lambda: expectations.caught_up(site), WAIT)

    site.recreate_raw_topic()
    put(site, 40, first=100)
    site.wait_for(lambda: expectations.totals(site) == {"sensor-1": (70, 70, 0, 0)}, 60)

    assert gaps() == []
    assert expectations.differences() == []
    assert consumer.running


def test_a_committed_offset_past_the_end_is_no_place_to_start(site: Deployment) -> None:
    put(site, 30, first=0)
    commit(500)

    consume_all(site)
    put(site, 5, first=30)
    commit(500)
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), WAIT)

    assert expectations.totals(site) == {"sensor-1": (35, 35, 0, 0)}
    assert gaps() == []


def test_a_topic_that_is_shorter_than_what_was_read_is_read_from_its_end(site: Deployment) -> None:
    topic = Topic.objects.create(kafka_id=uuid4(), name=site.raw_topic)
    Progress.objects.create(topic=topic, partition=PARTITION, next_offset=50, updated_at=timezone.now())
    now = TopicOffsets(topic.kafka_id, topic.name, {PARTITION: (0, 30)}, 0.0, 0.0)
    stale = TopicOffsets(topic.kafka_id, topic.name, {PARTITION: (0, 40)}, 0.0, 0.0)

    with transaction.atomic(), connection.cursor() as cursor:
        starts = start_offsets.find(cursor, topic.pk, stale, [PARTITION], known_ends={}, kafka=Answers(now))

    assert starts[PARTITION].next_offset == Progress.objects.get().next_offset == 30
    assert open_incidents().get(kind="rollback").detail.startswith("records 30 to 49 were lost by Kafka")
    assert gaps() == [(PARTITION, 30, 50, "truncated")]


def test_a_topic_that_has_other_records_where_some_were_read_is_read_from_the_first_of_them(site: Deployment) -> None:
    topic = Topic.objects.create(kafka_id=uuid4(), name=site.raw_topic)
    last = {"record_offset": 49, "record_epoch": 3}
    Progress.objects.create(topic=topic, partition=PARTITION, next_offset=50, updated_at=timezone.now(), **last)
    now = TopicOffsets(topic.kafka_id, topic.name, {PARTITION: (0, 70)}, 0.0, 0.0, {PARTITION: 5})

    with transaction.atomic(), connection.cursor() as cursor:
        kafka = Answers(now, {PARTITION: 30})
        starts = start_offsets.find(cursor, topic.pk, now, [PARTITION], known_ends={}, kafka=kafka)

    assert starts[PARTITION].next_offset == Progress.objects.get().next_offset == 30
    assert Progress.objects.get().record_epoch == 5
    assert gaps() == [(PARTITION, 30, 50, "truncated")]


def test_a_topic_that_still_has_the_last_record_that_was_read_is_read_on(site: Deployment) -> None:
    topic = Topic.objects.create(kafka_id=uuid4(), name=site.raw_topic)
    # What follows the record held nothing to read.
    last = {"record_offset": 47, "record_epoch": 3}
    Progress.objects.create(topic=topic, partition=PARTITION, next_offset=50, updated_at=timezone.now(), **last)
    now = TopicOffsets(topic.kafka_id, topic.name, {PARTITION: (0, 70)}, 0.0, 0.0, {PARTITION: 5})

    with transaction.atomic(), connection.cursor() as cursor:
        kafka = Answers(now, {PARTITION: 48})
        starts = start_offsets.find(cursor, topic.pk, now, [PARTITION], known_ends={}, kafka=kafka)

    assert starts[PARTITION].read_up_to == (50, -1)
    assert gaps() == []


@pytest.mark.parametrize("epoch_end", [70, -1])
def test_a_topic_with_another_record_of_the_same_leader_where_the_last_one_was_is_read_again(
    site: Deployment, epoch_end: int
) -> None:
    topic = Topic.objects.create(kafka_id=uuid4(), name=site.raw_topic)
    read = Record(PARTITION, 49, factories.NOON, b"read", [])
    last = {"record_offset": 49, "record_epoch": 3, "record_checksum": read.checksum}
    Progress.objects.create(topic=topic, partition=PARTITION, next_offset=50, updated_at=timezone.now(), **last)
    now = TopicOffsets(topic.kafka_id, topic.name, {PARTITION: (10, 70)}, 0.0, 0.0, {PARTITION: 3})

    with transaction.atomic(), connection.cursor() as cursor:
        kafka = Answers(now, {PARTITION: epoch_end}, read._replace(value=b"other"))
        starts = start_offsets.find(cursor, topic.pk, now, [PARTITION], known_ends={}, kafka=kafka)

    assert starts[PARTITION].next_offset == 10
    assert gaps() == [(PARTITION, 10, 50, "truncated")]


@pytest.mark.parametrize(("epoch_end", "compacted"), [(-1, False), (70, True)])
def test_a_topic_with_the_same_last_record_or_none_at_its_place_is_read_on(
    site: Deployment, epoch_end: int, compacted: bool
) -> None:
    topic = Topic.objects.create(kafka_id=uuid4(), name=site.raw_topic)
    read = Record(PARTITION, 49, factories.NOON, b"read", [])
    last = {"record_offset": 49, "record_epoch": 3, "record_checksum": read.checksum}
    Progress.objects.create(topic=topic, partition=PARTITION, next_offset=50, updated_at=timezone.now(), **last)
    now = TopicOffsets(topic.kafka_id, topic.name, {PARTITION: (10, 70)}, 0.0, 0.0, {PARTITION: 3})

    with transaction.atomic(), connection.cursor() as cursor:
        kafka = Answers(now, {PARTITION: epoch_end}, None if compacted else read)
        starts = start_offsets.find(cursor, topic.pk, now, [PARTITION], known_ends={}, kafka=kafka)

    assert starts[PARTITION].next_offset == 50
    assert gaps() == []


def test_what_comes_at_the_places_of_records_that_kafka_lost_again_is_met_as_new(site: Deployment) -> None:
    put(site, 2, first=0)
    consume_all(site)
    of_partition = {"topic": Topic.objects.get().pk, "partition": PARTITION}
    rows = RowStore()
    old = Letter(PARTITION, 2, 0, b"old", "not_json", "no JSON", "", "decode", "", None, factories.NOON)
    write_letters(rows.connection, [old, old._replace(offset=1)], of_partition["topic"])
    rows.close()
    PartitionStart.objects.filter(**of_partition).update(isolated=[[1, 0], [3, WHOLE]])
    Progress.objects.filter(**of_partition).update(next_offset=50)

    with running_loop():
        site.wait_for(lambda: Progress.objects.get(**of_partition).next_offset == 2, WAIT)
        factories.put(site.raw_topic, b"new", partition=PARTITION)
        put(site, 1, first=2)
        site.wait_for(lambda: expectations.caught_up(site), WAIT)

    moved, kept, new = DeadLetter.objects.order_by("id")
    assert (kept.offset, bytes(kept.raw), kept.attempts) == (1, b"old", 1)
    assert (moved.offset, bytes(moved.raw), moved.attempts) == (-moved.pk, b"old", 1)
    assert moved.detail.endswith("(Kafka lost this record again, which was 2)")
    assert (new.offset, bytes(new.raw)) == (2, b"new")
    assert len(expectations.rows(site)) == 3
    assert PartitionStart.objects.get(**of_partition).isolated == [[1, 0]]


def test_an_answer_that_was_old_moves_no_progress(site: Deployment) -> None:
    topic = Topic.objects.create(kafka_id=uuid4(), name=site.raw_topic)
    Progress.objects.create(topic=topic, partition=PARTITION, next_offset=50, updated_at=timezone.now())
    now = TopicOffsets(topic.kafka_id, topic.name, {PARTITION: (0, 60)}, 0.0, 0.0)
    stale = TopicOffsets(topic.kafka_id, topic.name, {PARTITION: (0, 40)}, 0.0, 0.0)

    with transaction.atomic(), connection.cursor() as cursor:
        starts = start_offsets.find(cursor, topic.pk, stale, [PARTITION], known_ends={}, kafka=Answers(now))

    assert starts[PARTITION].next_offset == Progress.objects.get().next_offset == 50
    assert not open_incidents().exists()


def test_offsets_can_be_shown_and_moved_before_there_ever_was_a_consumer(site: Deployment) -> None:
    put(site, 30, first=0)

    shown = run_json("offsets", "show")
    run_json("offsets", "reset", "--to", "10", "--partition", str(PARTITION))
    consume_all(site)

    assert shown["members"] == 0
    assert gaps() == [(PARTITION, 0, 10, "skipped")]
    assert expectations.totals(site) == {"sensor-1": (20, 20, 0, 0)}
    assert expectations.differences() == []


def test_offsets_move_forward_over_a_gap_and_back_without_doubling(site: Deployment) -> None:
    put(site, 30, first=0)
    consume_all(site)
    put(site, 30, first=30)
    before = {row.partition: row.next_offset for row in Progress.objects.all()}

    planned = run_json("offsets", "reset", "--to", "50", "--partition", str(PARTITION), "--dry-run")
    assert {row.partition: row.next_offset for row in Progress.objects.all()} == before
    done = run_json("offsets", "reset", "--to", "50", "--partition", str(PARTITION))
    consume_all(site)

    assert planned["partitions"] == done["partitions"]
    assert gaps() == [(PARTITION, 30, 50, "skipped")]
    assert expectations.totals(site) == {"sensor-1": (40, 40, 0, 0)}
    assert expectations.differences() == []

    run_json("offsets", "reset", "--to", "earliest")
    assert group.committed(site.name)[PARTITION] == 0
    consume_all(site)
    run_json("offsets", "reset", "--to", "2026-01-01")
    assert group.committed(site.name)[PARTITION] == 0
    run_json("offsets", "reset", "--to", "latest")

    assert group.committed(site.name)[PARTITION] == 60
    assert expectations.totals(site) == {"sensor-1": (40, 40, 0, 0)}
    assert len(gaps()) == 1
    report = reconcile.shape(reconcile.run())
    assert report["ok"]
    assert [gap["sentence"] for gap in report["gaps"]] == ["records 30 to 49 were skipped by an operator"]
    assert str(LedgerGap.objects.get()) == f"30..49 lost on {site.raw_topic}/{PARTITION}"


def test_what_a_failed_batch_left_of_skipped_records_is_never_stored(site: Deployment) -> None:
    factories.put(site.raw_topic, *(factories.line(number) for number in range(20)), partition=PARTITION)
    assert write_documents_in_flight() == 20
    run_json("offsets", "reset", "--to", "latest")

    rebuilt = run_json("rebuild_rows")
    repaired = run_json("reconcile", "--repair")

    assert (rebuilt["rows"], rebuilt["left"]) == (0, 20)
    assert repaired["repaired"] == {"documentsDiscarded": 20}
    assert repaired["ok"]


def test_a_reset_is_refused_while_a_consumer_runs(site: Deployment) -> None:
    put(site, 5, first=0)
    site.start_consumer()
    site.wait_for(lambda: expectations.caught_up(site), WAIT)

    with pytest.raises(CommandError, match="the group is active") as refused:
        run_json("offsets", "reset", "--to", "latest")

    assert refused.value.returncode == 1
    out = StringIO()
    call_command("offsets", "show", "--json", stdout=out)
    shown = json.loads(out.getvalue())
    assert shown["members"] == 1
    assert [one["progress"] for one in shown["partitions"] if one["partition"] == PARTITION] == [5]
    with pytest.raises(CommandError) as wrong:
        call_command("offsets", "reset", "--to", "someday")
    assert wrong.value.returncode in (1, 2)
