"""Kafka with three brokers, each of which is a controller as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kafka.admin import KafkaAdminClient

from deploy.cluster.group import Group
from deploy.local import ports
from deploy.local.servers.kafka import Kafka

# What all members hold is small; Java's own default would be a quarter of the machine for each.
HEAP = "-Xmx320m"
COPIES = 3
CONFIRMED = 2  # copies, before a record is acknowledged
_INTERNAL = ("offsets.topic.replication.factor", "transaction.state.log.replication.factor")
_SHARED = "share.coordinator.state.topic"


class Brokers(Group, Kafka):
    """Three brokers that clients find by the address of any."""

    def __init__(self, *, addresses: Sequence[tuple[int, int]], folder: Path) -> None:
        """:param addresses: the port of each broker, and of its controller"""
        super().__init__(port=addresses[0][0], folder=folder)
        voters = ",".join(f"{node}@{ports.HOST}:{quorum}" for node, (_, quorum) in enumerate(addresses, 1))
        self._members = [
            Kafka(
                port=port,
                folder=folder / f"broker-{node}",
                options=[HEAP],
                properties=_properties(node, voters, port, quorum),
            )
            for node, (port, quorum) in enumerate(addresses, 1)
        ]

    @property
    def members(self) -> Sequence[Kafka]:
        """Return the brokers by node id, from 1 on."""
        return self._members

    @property
    def address(self) -> str:
        """Return the addresses of all brokers, as clients take them."""
        return ",".join(member.address for member in self.members)

    def is_whole(self) -> bool:
        """Return whether every member holds all of its copies again."""
        client = self._client()
        try:
            topics = client.describe_topics(client.list_topics())
        finally:
            client.close()
        partitions = [partition for topic in topics for partition in topic["partitions"]]
        return all(len(partition["isr_nodes"]) == COPIES and partition["leader_id"] >= 0 for partition in partitions)

    def controller(self) -> Kafka:
        """Return the member that leads the controllers now."""
        client = self._client()
        try:
            [topic] = client.describe_metadata_quorum()["topics"]
        finally:
            client.close()
        [partition] = topic["partitions"]
        return self._members[int(partition["leader_id"]) - 1]

    def _client(self) -> KafkaAdminClient:
        return KafkaAdminClient(bootstrap_servers=self.address.split(","), reconnect_backoff_max_ms=500)


def _properties(node: int, voters: str, port: int, quorum: int) -> dict[str, str]:
    return {
        "node.id": str(node),
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{ports.HOST}:{port},CONTROLLER://{ports.HOST}:{quorum}",
        "advertised.listeners": f"PLAINTEXT://{ports.HOST}:{port}",
        **dict.fromkeys(_INTERNAL, str(COPIES)),
        f"{_SHARED}.replication.factor": str(COPIES),
        f"{_SHARED}.min.isr": str(CONFIRMED),
        "transaction.state.log.min.isr": str(CONFIRMED),
        "min.insync.replicas": str(CONFIRMED),
        "default.replication.factor": str(COPIES),
    }
