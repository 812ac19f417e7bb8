"""The servers and product processes of one benchmark run, in a temporary folder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from deploy.bench.load.events import array_requests
from deploy.bench.load.sender import send
from deploy.bench.stores import Stores
from deploy.local import ports, processes
from deploy.local.process import Process
from deploy.local.servers.kafka import Kafka
from deploy.local.servers.mongo import MongoDB
from deploy.local.servers.postgres import PostgreSQL
from deploy.local.servers.redis import Redis
from deploy.testing.servers import Servers

START_PATIENCE = 60.0  # seconds
WARM_UP = 2_000  # events


@contextmanager
def running_servers(kept: Path | None = None, *, postgres: Mapping[str, str] | None = None) -> Iterator[Servers]:
    """Start the four servers with the settings of `make run`, on free ports and a folder that is removed afterwards.

    :param kept: a folder that stays, with data from before if it has any
    :param postgres: further settings of PostgreSQL
    """
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="dataflow-bench-") as name:
        folder = Path(name)
        servers = Servers(
            kafka=Kafka(port=ports.free_port(), folder=folder / "kafka"),
            postgres=PostgreSQL(port=ports.free_port(), folder=folder / "postgres", settings=postgres),
            mongo=MongoDB(port=ports.free_port(), folder=folder / "mongo"),
            redis=Redis(port=ports.free_port(), folder=folder / "redis"),
        )
        try:
            servers.ensure_running()
            yield servers
        finally:
            servers.stop()


class Stack:
    """The product on empty stores and topics of its own; its processes start when asked for."""

    def __init__(self, servers: Servers, name: str, folder: Path, env: Mapping[str, str]) -> None:
        self.servers = servers
        self._folder = folder
        self._processes: dict[str, Process] = {}
        self._env = {
            **_without_settings(os.environ),
            "DATAFLOW_ENV_FILE": os.devnull,
            "KAFKA_BOOTSTRAP_SERVERS": servers.kafka.address,
            "KAFKA_TOPIC_RAW_DATA": f"raw-{name}",
            "KAFKA_TOPIC_PROCESSED_DATA": f"processed-{name}",
            "DATAFLOW_CONSUMER_GROUP": f"group-{name}",
            "POSTGRES_HOST": ports.HOST,
            "POSTGRES_PORT": str(servers.postgres.port),
            "POSTGRES_USER": servers.postgres.user,
            "POSTGRES_PASSWORD": servers.postgres.password,
            "POSTGRES_DB": name,
            "MONGO_URI": servers.mongo.uri,
            "MONGO_DATABASE": name,
            "REDIS_ADDR": servers.redis.address,
            "REDIS_PASSWORD": "",
            "INGESTION_SERVICE_PORT": str(ports.free_port()),
            "GRPC_SERVICE_PORT": str(ports.free_port()),
            "PROCESSOR_SERVICE_PORT": str(ports.free_port()),
            "DATAFLOW_JOBS_PORT": str(ports.free_port()),
            "DATAFLOW_GRPC_METRICS_PORT": str(ports.free_port()),
            "API_SERVICE_PORT": str(ports.free_port()),
            **env,
        }
        self.stores = Stores(servers.postgres, servers.mongo, name)

    def prepare(self) -> None:
        """Create the database, the tables, the topics and the indexes."""
        self.stores.create()
        self.upgrade()

    def upgrade(self) -> None:
        """Create what is missing of the tables, the topics and the indexes."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("prepare_stores")

    def manage(self, *words: str, seconds: float = START_PATIENCE) -> None:
        """Run a command of manage.py to its end.

        :param seconds: how long it may take
        :raises RuntimeError: it failed
        """
        process = self._start(words[0], [sys.executable, "manage.py", *words])
        process.await_ready(lambda: not process.running, seconds=seconds, name=words[0])
        if process.exit_code:
            raise RuntimeError(f"manage.py {words[0]} failed:\n{process.last_lines()}")

    def create_key(self, *options: str) -> str:
        """Create an API key with these options and return its token."""
        self.manage("create_key", "bench", *options)
        return self._processes["create_key"].last_lines(1)

    def start_ingest(self) -> None:
        """Start the ingest process and wait until it is ready."""
        self._start_part(processes.INGEST)

    def start_grpc(self) -> None:
        """Start the gRPC process and wait until it is ready."""
        self._start_part(processes.GRPC)

    def start_jobs(self) -> None:
        """Start the job worker and wait until it is ready."""
        self._start_part(processes.JOBS)

    def start_web(self) -> None:
        """Start the web process and wait until it is ready."""
        self._start_part(processes.WEB)

    def start_another_web(self) -> int:
        """Start one more web process, as behind a load balancer, wait until it is ready and return its port."""
        port = ports.free_port()
        self._start_at(processes.WEB, port, name="web 2")
        return port

    def stop_another_web(self) -> None:
        """Stop the second web process."""
        self._processes["web 2"].stop()

    def start_consumer(self) -> None:
        """Start the consumer; it reads as soon as it has joined its group."""
        self._start_part(processes.CONSUMER)

    def stop_consumer(self) -> None:
        """Stop the consumer after the batch that it works on."""
        self._processes["consumer"].stop()

    def consumer_alive(self) -> bool:
        """Return whether the consumer still runs."""
        return self._processes["consumer"].running

    def warm_up(self) -> int:
        """Start the consumer, process a few events so that everything is connected, and return their number."""
        self.start_consumer()
        send(array_requests(WARM_UP, size=100, prefix="warm"), port=self.ingest_port, connections=1)
        self.stores.wait_until_stored(WARM_UP, seconds=START_PATIENCE, alive=self.consumer_alive)
        return WARM_UP

    @property
    def raw_topic(self) -> str:
        """Return the name of the topic that the receivers write to."""
        return self._env["KAFKA_TOPIC_RAW_DATA"]

    @property
    def processed_topic(self) -> str:
        """Return the name of the topic that the consumer writes to."""
        return self._env["KAFKA_TOPIC_PROCESSED_DATA"]

    @property
    def ingest_port(self) -> int:
        """Return the port of the ingest process."""
        return int(self._env[processes.INGEST.port_setting])

    @property
    def web_port(self) -> int:
        """Return the port of the web process."""
        return int(self._env[processes.WEB.port_setting])

    @property
    def consumer_port(self) -> int:
        """Return the port of the consumer's health checks."""
        return int(self._env[processes.CONSUMER.port_setting])

    @property
    def grpc_port(self) -> int:
        """Return the port of the gRPC process."""
        return int(self._env[processes.GRPC.port_setting])

    def _start_part(self, part: processes.ProcessSpec) -> None:
        self._start_at(part, int(self._env[part.port_setting]), name=part.name)

    def _start_at(self, part: processes.ProcessSpec, port: int, *, name: str) -> None:
        process = self._start(name, part.command(port))
        process.await_ready(lambda: part.is_ready(port), seconds=START_PATIENCE, name=name)

    def _start(self, name: str, command: list[str]) -> Process:
        log = self._folder / f"{name}.log"
        process = Process(command, log=log, env=self._env, cwd=processes.ROOT)
        self._processes[name] = process
        return process

    @property
    def pids(self) -> dict[str, int]:
        """Every process that runs now, by name: the product's first, then the servers."""
        product = {name: process.pid for name, process in self._processes.items() if process.running}
        return product | {server.name: server.pid for server in self.servers}

    def stop(self) -> None:
        """Stop all processes; the stores stay."""
        for process in self._processes.values():
            process.stop()

    def close(self) -> None:
        """Stop all processes and delete the stores."""
        self.stop()
        self.stores.drop()


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the settings of another deployment."""
    prefixes = ("DATAFLOW_", "KAFKA_", "POSTGRES_", "MONGO_", "REDIS_")
    return {name: value for name, value in environment.items() if not name.startswith(prefixes)}


@contextmanager
def fresh_stack(servers: Servers, name: str, env: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Open an empty deployment; afterwards its processes are stopped and its data deleted.

    :param env: settings that differ from the defaults
    """
    with tempfile.TemporaryDirectory(prefix="dataflow-bench-") as folder:
        stack = Stack(servers, name, Path(folder), env or {})
        try:
            stack.prepare()
            yield stack
        finally:
            stack.close()
