"""Creates and deletes the Kafka topics of test deployments."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

PARTITIONS = 6
_TIMEOUT = 30.0  # seconds; a broker that was just restarted on a loaded machine needs several


class Topics:
    """The Kafka admin client of a test session."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap, reconnect_backoff_max_ms=500)

    def create(self, names: Sequence[str]) -> None:
        """Create the topics and wait until every partition has a leader.

        :raises TimeoutError: a partition has no leader
        """
        self._retry(lambda: self._admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]))
        deadline = time.monotonic() + _TIMEOUT
        while not self._have_leaders(names):
            if time.monotonic() > deadline:
                raise TimeoutError(f"a partition of the topics {', '.join(names)} has no leader")
            time.sleep(0.01)

    def delete(self, names: Sequence[str]) -> None:
        """Delete the topics; a topic that does not exist is no error."""
        self._retry(lambda: self._admin.delete_topics(list(names)))

    def remove_records(self, name: str, *, before: Mapping[int, int]) -> None:
        """Remove the records of each partition before an offset, as retention does."""
        self._admin.delete_records({TopicPartition(name, partition): offset for partition, offset in before.items()})

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._admin.close()

    @staticmethod
    def _retry(request: Callable[[], object]) -> None:
        """Repeat the request while the client uses connections from before a restart of Kafka."""
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                request()
            except (TopicAlreadyExistsError, UnknownTopicOrPartitionError):
                return  # an earlier request succeeded but its response was lost
            except KafkaError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def _have_leaders(self, names: Sequence[str]) -> bool:
        described = self._admin.describe_topics(list(names))
        leaders = [partition["leader_id"] >= 0 for topic in described for partition in topic["partitions"]]
        return len(leaders) == PARTITIONS * len(names) and all(leaders)
