"""Passes over one batch of records that can't be read, as a gap in the ledger, while consumers run."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from processing.kafka import unreadable
from processing.kafka.unreadable import UnreadableBatch
from processing.ledger import lost_records
from processing.ledger.incidents import PartitionRef
from processing.models import Hold, LedgerGap, Progress
from processing.partitions import paused, progress


class NotSkippable(Exception):
    """The partition does not wait before a batch that can't be read."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A held partition and the batch that it waits before."""

    hold: Hold
    batch: UnreadableBatch


def plan(hold: Hold) -> Skip:
    """Find the batch that a held partition waits before; change nothing.

    :raises NotSkippable: it can be read now, or it is not known where it ends
    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: Kafka refuses
    """
    offset = Progress.objects.filter(topic=hold.topic, partition=hold.partition).values_list("next_offset", flat=True)
    batch = unreadable.find_one(hold.partition, offset[0])
    name = f"{hold.topic.name}/{hold.partition}"
    if batch is None:
        raise NotSkippable(f"The next record of {name} can be read. Resume the partition instead.")
    if batch.next == batch.first:
        raise NotSkippable(
            f"{name}: {batch.sentence}, and where the next batch begins is not known."
            f" Stop the consumers and use: manage.py offsets reset --partition {hold.partition} --to OFFSET"
        )
    return Skip(hold, batch)


def apply(skip: Skip, *, who: str) -> None:
    """Record the gap, move progress past the batch and resume the partition.

    :raises NotSkippable: the partition was resumed or moved meanwhile
    """
    hold, batch = skip.hold, skip.batch
    partition = PartitionRef(hold.topic_id, hold.topic.name, hold.partition)
    with transaction.atomic(), connection.cursor() as cursor:
        if progress.lock(cursor, partition) != batch.first or not paused.release(cursor, partition, who=who):
            raise NotSkippable(f"{partition.subject} was resumed meanwhile.")
        cause = LedgerGap.Cause.SKIPPED
        lost_records.record(cursor, partition, first=batch.first, next_=batch.next, cause=cause)
        progress.move(cursor, partition, batch.next)
