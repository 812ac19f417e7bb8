"""Records of other producers by their own clients: every header, codec, end of a transaction and kind of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from django.conf import settings
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from deploy.testing.deployment import Deployment
from deploy.testing.topics import PARTITIONS
from processing.tests import expectations, factories
from processing.tests.commands import run_json
from processing.tests.foreign_producers import CODECS, ENDS, Foreign, plain, send_with_aiokafka, send_with_librdkafka

WITHIN = 10  # seconds in which good events after a foreign record are stored
NAMES = ("v", "n", "dataflow-version", "dataflow-count", "redrive-of", "traceparent", "content-type", "")
VALUES = (None, b"", b"garbage", b"\xff\x00", b"9" * 5_000)
# Milliseconds; None is the client's. librdkafka takes no time before 1970, aiokafka any.
TIMES = (None, 1, 86_400_000, 4_102_444_800_000, 2**62)


@pytest.mark.parametrize("time_type", ["CreateTime", "LogAppendTime"])
@pytest.mark.parametrize("send", [send_with_librdkafka, send_with_aiokafka], ids=["librdkafka", "aiokafka"])
def test_whatever_other_clients_send_is_stored_and_stops_nothing(
    site: Deployment, send: Callable[..., None], time_type: str
) -> None:
    set_time_type(site.raw_topic, time_type)
    site.start_consumer()
    numbers, expected, good = count(1), 0, 0
    for codec in CODECS:
        for end in ENDS:
            records = list(foreign(numbers))
            send(site.raw_topic, records, codec=codec, transaction=end)
            expected += 0 if end == "abort" else len(records)
            for partition in range(PARTITIONS):
                line = factories.line(100_000 + good, source=f"good-{partition}")
                factories.put(site.raw_topic, line, partition=partition)
                good += 1
            wanted = expected + good
            site.wait_for(lambda wanted=wanted: stored(site) == wanted, WITHIN)  # type: ignore[misc]
            site.wait_for(lambda: expectations.caught_up(site), WITHIN)

    assert expectations.letters(site) == {}
    assert run_json("reconcile")["ok"]


def foreign(numbers: Iterator[int]) -> Iterator[Foreign]:
    """One record with each header and value, one with each time, one without anything, and a large one."""
    for name in NAMES:
        for value in VALUES:
            number = next(numbers)
            yield Foreign(plain(number), number % PARTITIONS, headers=[(name, value)])
    for timestamp in TIMES:
        number = next(numbers)
        yield Foreign(plain(number), number % PARTITIONS, timestamp=timestamp)
    for size in (0, 200_000):
        number = next(numbers)
        yield Foreign(plain(number, size=size), number % PARTITIONS)


def stored(site: Deployment) -> int:
    return int(expectations.query(site, "SELECT count(*) FROM events")[0][0])


def set_time_type(topic: str, kind: str) -> None:
    client = KafkaAdminClient(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS)
    try:
        # A producer's time may be far from the broker's, as it is where nobody limits it.
        limits = {"message.timestamp.type": kind, "message.timestamp.after.max.ms": str(2**63 - 1)}
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=limits)])
    finally:
        client.close()
