"""The four servers of a test session or benchmark, started and stopped together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploy.local.servers.kafka import Kafka
from deploy.local.servers.mongo import MongoDB
from deploy.local.servers.postgres import PostgreSQL
from deploy.local.servers.redis import Redis
from deploy.local.servers.server import Server


@dataclass(frozen=True, slots=True)
class Servers:
    """Kafka, PostgreSQL, MongoDB and Redis, for one test session or benchmark."""

    kafka: Kafka
    postgres: PostgreSQL
    mongo: MongoDB
    redis: Redis

    def __iter__(self) -> Iterator[Server]:
        yield from (self.kafka, self.postgres, self.mongo, self.redis)

    def ensure_running(self) -> None:
        """Start the servers that do not run, resume frozen ones, and wait until all are ready."""
        for server in self:
            if not server.running:
                server.prepare()
                server.launch()
        # To ask each of them twice in every test takes as long as all else that a clean deployment needs.
        for server in [each for each in self if not each.is_untouched]:
            server.thaw()
            server.await_ready()

    def stop(self) -> None:
        """Stop all servers at the same time."""
        for server in self:
            server.ask_to_stop()
        for server in self:
            server.stop()
