"""The servers of a cluster, as those of a test session or of `make cluster`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.cluster.brokers import COPIES, Brokers
from deploy.cluster.postgres_pair import Pair
from deploy.cluster.replica_set import ReplicaSet
from deploy.local.servers.redis import Redis
from deploy.testing.servers import Servers


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each member listens."""

    brokers: tuple[tuple[int, int], ...]  # of a broker, and of its controller
    postgres: tuple[int, int]
    mongo: tuple[int, ...]
    redis: int


@dataclass(frozen=True, slots=True)
class ClusterServers(Servers):
    """Three brokers, a primary with its standby, a replica set of three, and Redis."""

    kafka: Brokers
    postgres: Pair
    mongo: ReplicaSet
    redis: Redis

    def environment(self) -> dict[str, str]:
        """Return the settings by which the product finds all members."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.address,
            "DATAFLOW_KAFKA_REPLICATION": str(COPIES),
            "POSTGRES_HOST": self.postgres.hosts,
            "POSTGRES_PORT": self.postgres.ports,
            "MONGO_URI": self.mongo.uri,
            "REDIS_ADDR": self.redis.address,
        }


def make(
    ports: Ports, folder: Path, *, passwords: tuple[str, str], postgres: Mapping[str, str] | None = None
) -> ClusterServers:
    """Return the servers, which are not started yet.

    :param passwords: of PostgreSQL and of Redis
    :param postgres: further settings of both its servers
    """
    return ClusterServers(
        kafka=Brokers(addresses=ports.brokers, folder=folder / "kafka"),
        postgres=Pair(ports=ports.postgres, folder=folder / "postgres", password=passwords[0], settings=postgres),
        mongo=ReplicaSet(ports=ports.mongo, folder=folder / "mongo"),
        redis=Redis(port=ports.redis, folder=folder / "redis", password=passwords[1]),
    )
