"""The peer on stores and a topic of its own; it is driven like `deploy.bench.stack.Stack`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka.admin import KafkaAdminClient, NewTopic

from deploy.bench.peers import environment
from deploy.bench.stack import START_PATIENCE
from deploy.bench.stores import Stores
from deploy.local import ports, processes
from deploy.local.process import Process
from deploy.testing.servers import Servers

PARTITIONS = 6  # as the product's topics have
PROGRAMS = "deploy.bench.peers.programs"
SCHEMA = Path(__file__).with_name("programs") / "schema.sql"


class Peer:
    """The peer's receiver and consumer; they start when asked for."""

    def __init__(self, servers: Servers, name: str, folder: Path) -> None:
        self.stores = Stores(servers.postgres, servers.mongo, name)
        self.ingest_port = ports.free_port()
        self._servers = servers
        self._folder = folder
        self._topic = f"raw-{name}"
        self._processes: dict[str, Process] = {}
        self._env = {
            **os.environ,
            "PEER_KAFKA": servers.kafka.address,
            "PEER_TOPIC": self._topic,
            "PEER_GROUP": f"group-{name}",
            "PEER_POSTGRES": servers.postgres.conninfo(name),
            "PEER_MONGO": servers.mongo.uri,
            "PEER_DATABASE": name,
        }

    def prepare(self) -> None:
        """Create the table and the topic."""
        self.stores.create()
        with self.stores.connect() as connection:
            connection.execute(SCHEMA.read_bytes())
        admin = KafkaAdminClient(bootstrap_servers=self._servers.kafka.address)
        admin.create_topics([NewTopic(name=self._topic, num_partitions=PARTITIONS, replication_factor=1)])
        admin.close()

    def start_ingest(self) -> None:
        """Start the receiver and wait until it is ready."""
        options = ("--host", ports.HOST, "--port", str(self.ingest_port), "--loop", "uvloop", "--http", "httptools")
        quiet = ("--no-access-log", "--log-level", "warning")
        process = self._start("ingest", "uvicorn", f"{PROGRAMS}.receiver:app", *options, *quiet)
        process.await_ready(
            lambda: processes.is_healthy(self.ingest_port), seconds=START_PATIENCE, name="the peer's receiver"
        )

    def start_consumer(self) -> None:
        """Start the consumer; it reads as soon as it has joined its group."""
        self._start("consumer", f"{PROGRAMS}.consumer")

    def consumer_alive(self) -> bool:
        """Return whether the consumer still runs."""
        return self._processes["consumer"].running

    @property
    def pids(self) -> dict[str, int]:
        """Both processes, then the servers, by name."""
        own = {name: process.pid for name, process in self._processes.items() if process.running}
        return own | {server.name: server.pid for server in self._servers}

    def close(self) -> None:
        """Stop both processes and delete the stores."""
        for process in self._processes.values():
            process.stop()
        self.stores.drop()

    def _start(self, name: str, module: str, *options: str) -> Process:
        command = [str(environment.ensure()), "-m", module, *options]
        process = Process(command, log=self._folder / f"{name}.log", env=self._env, cwd=processes.ROOT)
        self._processes[name] = process
        return process


@contextmanager
def fresh_peer(servers: Servers, name: str) -> Iterator[Peer]:
    """Open an empty deployment of the peer; afterwards its processes are stopped and its data deleted."""
    with tempfile.TemporaryDirectory(prefix="dataflow-bench-") as folder:
        peer = Peer(servers, name, Path(folder))
        try:
            peer.prepare()
            yield peer
        finally:
            peer.close()
