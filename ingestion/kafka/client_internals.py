"""The private parts of kafka-python that this project uses, each with its reason; no other module touches them.

Each function stands for something that the client's public interface does not offer. A test names every attribute used
here, so that an upgrade of kafka-python that changes one fails there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import cast
from uuid import UUID

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import for_code
from kafka.future import Future
from kafka.protocol.consumer import OffsetForLeaderEpochRequest
from kafka.structs import OffsetAndMetadata

_EpochPartition = OffsetForLeaderEpochRequest.OffsetForLeaderTopic.OffsetForLeaderPartition


def request_metadata(producer: KafkaProducer, answered: Callable[[object], object]) -> Future:
    """Ask the broker for its metadata at once; return the future of the answer. Does not block.

    No public call sends a request each time, and a client of its own for it would cost a thread.

    :param answered: called with the answer or the error, on the producer's thread
    """
    future = producer._metadata.request_update()  # noqa: SLF001
    future.add_both(answered)
    producer._sender.wakeup()  # noqa: SLF001
    return future


def leader_address(producer: KafkaProducer, topic: str, partition: int) -> tuple[str, int] | None:
    """Return host and port of the broker that leads a partition, as far as the producer knows. Does not block.

    No public call tells a leader.
    """
    try:
        node = producer._metadata.leader_for_partition(TopicPartition(topic, partition))  # noqa: SLF001
        broker = producer._metadata.broker_metadata(node)  # noqa: SLF001
    except KeyError:
        return None  # the metadata was renewed meanwhile
    return None if broker is None else (broker.host, broker.port)


def force_close(producer: KafkaProducer) -> None:
    """Stop the producer's thread without sending what waits.

    `KafkaProducer.close()` raises KafkaTimeoutError before it stops its thread, and would again.
    """
    producer._sender.force_close()  # noqa: SLF001


def request_topic_update(consumer: KafkaConsumer) -> None:
    """Make the consumer renew its metadata with its next poll. Does not block.

    The public calls that renew it wait for the answer.
    """
    consumer._cluster.request_update()  # noqa: SLF001


def set_fetch_options(consumer: KafkaConsumer, options: Mapping[str, int]) -> None:
    """Change `fetch_min_bytes` and `fetch_max_wait_ms` of a running consumer; each fetch reads them.

    The public interface sets them only when the consumer is made.
    """
    consumer._fetcher.config.update(options)  # noqa: SLF001


def topic_id(consumer: KafkaConsumer, topic: str) -> UUID | None:
    """Return Kafka's id of a topic as far as the consumer knows; None: the topic is not known.

    The public calls for it need an admin client and a round trip.
    """
    found = consumer._cluster.topic_id(topic)  # noqa: SLF001
    return None if found is None else UUID(bytes=found.bytes)


def before_poll(consumer: KafkaConsumer) -> None:
    """Mend three faults of the client, before each poll: it would leave its group, skip a partition for good, or never return.

    A rejoin that began because the topic has other partitions now, and that outlasts a poll, is not taken up by the next
    one: once it has made the new assignment, it forgets that it has to rejoin, and sends no heartbeats any more.

    An error that came behind records of another partition is kept for the next poll, but dropped there if its partition is
    paused by then. What is left of that fetch ends in an endless loop.

    What was fetched for a partition before it was paused is set aside, and the partition is fetched no more while it is
    there. It is taken up again only where `_next_partition_records` is None, which it never is after the first records.

    :raises Exception: the kept error, whatever it is
    """
    if consumer._coordinator._join_task is not None:  # noqa: SLF001
        consumer._coordinator.request_rejoin()  # noqa: SLF001
    kept = consumer._fetcher._next_in_line_exception_metadata  # noqa: SLF001
    if kept is not None:
        raise kept.exception
    if not consumer._fetcher._next_partition_records:  # noqa: SLF001
        consumer._fetcher._next_partition_records = None  # noqa: SLF001


def position(consumer: KafkaConsumer, at: TopicPartition) -> int | None:
    """Return the offset that the consumer reads next, without asking Kafka; None: the partition is not placed.

    The public call may wait for the broker.
    """
    state = consumer._subscription.assignment.get(at)  # noqa: SLF001
    return None if state is None or state.position is None else int(state.position.offset)


def seek(consumer: KafkaConsumer, at: TopicPartition, offset: int, epoch: int) -> None:
    """Continue a partition after a record that a leader of this epoch wrote; the client then finds out if Kafka lost it.

    The public call takes no epoch.

    :param epoch: -1: not known, and nothing is found out
    """
    consumer._subscription.seek(at, OffsetAndMetadata(offset, "", epoch))  # noqa: SLF001


def epoch_ends(admin: KafkaAdminClient, epochs: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Return for each partition the offset after the last record of this leader epoch or an earlier one.

    -1 where Kafka has no record of so late an epoch. No public call asks for it.

    :raises KafkaError: Kafka does not answer
    """
    return cast("dict[TopicPartition, int]", admin._manager.run(_ask_epoch_ends, admin, epochs))  # noqa: SLF001


async def _ask_epoch_ends(admin: KafkaAdminClient, epochs: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    found: dict[TopicPartition, int] = {}
    leaders = await admin._async_get_leader_for_partitions(set(epochs))  # noqa: SLF001
    for leader, keys in leaders.items():
        topics: dict[str, list[object]] = {}
        for at in keys:
            wanted = _EpochPartition(partition=at.partition, current_leader_epoch=-1, leader_epoch=epochs[at])
            topics.setdefault(at.topic, []).append(wanted)
        request = OffsetForLeaderEpochRequest(replica_id=-1, topics=list(topics.items()))
        answer = await admin._manager.send(request, node_id=leader)  # noqa: SLF001
        for topic in answer.topics:
            for partition in topic.partitions:
                if partition.error_code:
                    raise for_code(partition.error_code)("asking for the end of a leader epoch")
                found[TopicPartition(topic.topic, partition.partition)] = partition.end_offset
    return found


def fetch_bytes(consumer: KafkaConsumer, at: TopicPartition, *, wait: float) -> bytes:
    """Fetch batches of a partition as they are in the log; empty if there was no answer with any.

    The public calls return records alone, and fail on a batch that can't be read. Not to be mixed with `poll`.

    :param wait: seconds
    :raises KafkaError: Kafka's refusal
    """
    consumer._fetcher.send_fetches()  # noqa: SLF001
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        try:
            answer = consumer._fetcher._completed_fetches.popleft()  # noqa: SLF001
        except IndexError:
            time.sleep(0.005)
            continue
        if answer.topic_partition != at:
            continue
        if answer.partition_data.error_code:
            error = for_code(answer.partition_data.error_code)
            raise error("fetching")
        return bytes(answer.partition_data.records or b"")
    return b""
