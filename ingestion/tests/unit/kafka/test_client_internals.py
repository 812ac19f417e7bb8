"""The private parts of kafka-python that this project uses exist in the installed version, and work as expected."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from operator import attrgetter

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.consumer.fetcher import ExceptionMetadata
from kafka.errors import CorruptRecordError
from kafka.future import Future
from kafka.record import MemoryRecords

from ingestion.kafka import client_internals

PRODUCER = {
    "_metadata.request_update",
    "_metadata.leader_for_partition",
    "_metadata.broker_metadata",
    "_sender.wakeup",
    "_sender.force_close",
}
CONSUMER = {
    "_coordinator._join_task",
    "_coordinator.request_rejoin",
    "_cluster.request_update",
    "_cluster.topic_id",
    "_fetcher.config.update",
    "_fetcher.send_fetches",
    "_fetcher._completed_fetches.popleft",
    "_fetcher._next_partition_records",
    "_fetcher._next_in_line_exception_metadata",
    "_subscription.assignment.get",
    "_subscription.seek",
}
ADMIN = {"_manager.run", "_manager.send", "_async_get_leader_for_partitions"}
# Nothing answers there. With a version given, a client connects to no broker before it has something to send.
NO_BROKER = {"bootstrap_servers": "127.0.0.1:9", "api_version": (3, 9), "metrics_enabled": False}

# Parsed while tests are collected: the garbage collector's callback of Hypothesis breaks ast.parse() on Python 3.11.
TREE = ast.parse(inspect.getsource(client_internals))


@pytest.fixture
def producer() -> Iterator[KafkaProducer]:
    made = KafkaProducer(**NO_BROKER)
    yield made
    made.close(timeout=0)


@pytest.fixture
def consumer() -> Iterator[KafkaConsumer]:
    made = KafkaConsumer(group_id=None, **NO_BROKER)
    yield made
    made.close(autocommit=False, timeout_ms=0)


def test_the_module_uses_the_private_attributes_named_here_and_no_others() -> None:
    assert used("producer") == PRODUCER
    assert used("consumer") == CONSUMER
    assert used("admin") == ADMIN


def used(name: str) -> set[str]:
    """Return the longest attribute paths that the module reads from a parameter of this name."""
    paths = {ast.unparse(node) for node in ast.walk(TREE) if isinstance(node, ast.Attribute)}
    ours = {path.removeprefix(f"{name}.") for path in paths if path.startswith(f"{name}._")}
    return {path for path in ours if not any(other.startswith(f"{path}.") for other in ours)}


@pytest.mark.parametrize("path", sorted(PRODUCER))
def test_the_producer_has_the_private_method(producer: KafkaProducer, path: str) -> None:
    assert callable(attrgetter(path)(producer))


@pytest.mark.parametrize("path", sorted(path for path in CONSUMER if "_next_" not in path and "_task" not in path))
def test_the_consumer_has_the_private_method(consumer: KafkaConsumer, path: str) -> None:
    assert callable(attrgetter(path)(consumer))


def test_a_consumer_without_a_rejoin_on_its_way_is_asked_for_none(consumer: KafkaConsumer) -> None:
    assert consumer._coordinator._join_task is None
    consumer._coordinator.rejoin_needed = False

    client_internals.before_poll(consumer)

    assert not consumer._coordinator.rejoin_needed


def test_records_that_are_used_up_do_not_stand_in_the_way_of_parked_ones(consumer: KafkaConsumer) -> None:
    fetcher = consumer._fetcher
    assert fetcher._next_partition_records is None
    used_up = fetcher.PartitionRecords(0, TopicPartition("raw-data", 0), MemoryRecords(b""))
    used_up.drain()
    fetcher._next_partition_records = used_up

    client_internals.before_poll(consumer)

    assert fetcher._next_partition_records is None


def test_an_error_that_the_client_keeps_is_raised_though_its_partition_is_paused(consumer: KafkaConsumer) -> None:
    assert consumer._fetcher._next_in_line_exception_metadata is None
    kept = CorruptRecordError("damaged")
    consumer._fetcher._next_in_line_exception_metadata = ExceptionMetadata(TopicPartition("raw-data", 0), 3, kept)

    with pytest.raises(CorruptRecordError, match="damaged"):
        client_internals.before_poll(consumer)


def test_metadata_is_requested_without_waiting_for_the_answer(producer: KafkaProducer) -> None:
    future = client_internals.request_metadata(producer, lambda _: None)

    assert isinstance(future, Future)


def test_a_producer_is_stopped_by_force(producer: KafkaProducer) -> None:
    client_internals.force_close(producer)
    producer._sender.join(10)

    assert not producer._sender.is_alive()


def test_a_topic_update_makes_the_metadata_outdated(consumer: KafkaConsumer) -> None:
    client_internals.request_topic_update(consumer)

    assert consumer._cluster._need_update


def test_fetch_options_change_what_the_fetcher_reads(consumer: KafkaConsumer) -> None:
    assert {"fetch_min_bytes", "fetch_max_wait_ms"} <= consumer._fetcher.config.keys()

    client_internals.set_fetch_options(consumer, {"fetch_min_bytes": 65_536, "fetch_max_wait_ms": 50})

    assert consumer._fetcher.config["fetch_min_bytes"] == 65_536
    assert consumer._fetcher.config["fetch_max_wait_ms"] == 50


def test_a_topic_that_the_consumer_does_not_know_has_no_id(consumer: KafkaConsumer) -> None:
    assert client_internals.topic_id(consumer, "raw-data") is None
