"""The private parts of kafka-python that this project uses, each with its reason; no other module touches them.

Each function stands for something that the client's public interface does not offer. A test names every attribute used
here, so that an upgrade of kafka-python that changes one fails there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from kafka import KafkaConsumer, KafkaProducer
from kafka.future import Future


def request_metadata(producer: KafkaProducer, answered: Callable[[object], object]) -> Future:
    """Ask the broker for its metadata at once; return the future of the answer. Does not block.

    No public call sends a request each time, and a client of its own for it would cost a thread.

    :param answered: called with the answer or the error, on the producer's thread
    """
    future = producer._metadata.request_update()  # noqa: SLF001
    future.add_both(answered)
    producer._sender.wakeup()  # noqa: SLF001
    return future


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
