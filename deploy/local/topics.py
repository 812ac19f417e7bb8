"""Topics for one test: made at once, gone afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

PARTITIONS = 6
_PATIENCE = 10.0  # seconds


class Topics:
    """A session's connection to Kafka's administration."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap, reconnect_backoff_max_ms=500)

    def create(self, names: Sequence[str]) -> None:
        """Make them and wait until every partition has its leader."""
        self._patiently(lambda: self._admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]))
        deadline = time.monotonic() + _PATIENCE
        while not self._have_leaders(names):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Kafka gave the topics {', '.join(names)} no leaders")
            time.sleep(0.01)

    def delete(self, names: Sequence[str]) -> None:
        self._patiently(lambda: self._admin.delete_topics(list(names)))

    def remove_records(self, name: str, *, before: Mapping[int, int]) -> None:
        """Do what retention does: remove the records of each partition before an offset."""
        self._admin.delete_records({TopicPartition(name, partition): offset for partition, offset in before.items()})

    def close(self) -> None:
        self._admin.close()

    @staticmethod
    def _patiently(act: Callable[[], object]) -> None:
        """Act again while the client still minds its connections from before Kafka's restart."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                act()
            except (TopicAlreadyExistsError, UnknownTopicOrPartitionError):
                return  # the try before was answered to nobody
            except KafkaError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def _have_leaders(self, names: Sequence[str]) -> bool:
        described = self._admin.describe_topics(list(names))
        led = [one["leader_id"] >= 0 for topic in described for one in topic["partitions"]]
        return len(led) == PARTITIONS * len(names) and all(led)
