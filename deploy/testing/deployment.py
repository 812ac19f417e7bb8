"""A clean deployment for tests: stores and settings of its own on the servers of the session."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from asgiref.sync import SyncToAsync
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import override_settings
from psycopg import Connection, sql
from pymongo import MongoClient

from deploy.local import ports, processes
from deploy.local.process import Child, DidNotStart, Process
from deploy.testing.forks.client import ForkServer
from deploy.testing.servers import Servers
from deploy.testing.topics import Topics
from processing.errors import StoreUnavailable
from processing.kafka.end_offsets import OffsetsReader, TopicOffsets

TEMPLATE = "dataflow_template"  # migrated once per session, then copied
Found = TypeVar("Found")


class ProductProcess(Process):
    """A running process of the product."""

    def __init__(
        self,
        spec: processes.ProcessSpec,
        *,
        port: int,
        log: Path,
        env: Mapping[str, str],
        forks: ForkServer | None = None,
    ) -> None:
        self.name = spec.name
        self.port = port
        # Of health and metrics.
        self.metrics_port = (
            int(env.get(spec.own_metrics_setting) or ports.free_port()) if spec.own_metrics_setting else port
        )
        self._forks = forks
        own = spec.settings(port, metrics_port=self.metrics_port)
        super().__init__(spec.command(port), log=log, env={**env, **own}, cwd=processes.ROOT)

    def _start(
        self, command: Sequence[str], output: IO[bytes], env: Mapping[str, str] | None, cwd: Path | None
    ) -> Child:
        if self._forks and env and cwd and self._forks.can_start(command, env):
            return self._forks.start(command, output=output, env=env, folder=cwd, stop_signal=self._stop_signal)
        return super()._start(command, output, env, cwd)

    @property
    def url(self) -> str:
        """Return the address that the process listens on."""
        return f"http://{ports.HOST}:{self.port}"

    @property
    def metrics_url(self) -> str:
        """Return the address of its health and metrics."""
        return f"http://{ports.HOST}:{self.metrics_port}"


class Deployment:
    """Stores of its own, settings that point to them, and processes that are stopped at the end."""

    def __init__(self, servers: Servers, topics: Topics, forks: ForkServer, folder: Path) -> None:
        self.servers = servers
        self.forks = forks
        self.name = f"test_{uuid.uuid4().hex[:12]}"
        self.raw_topic = f"{self.name}-raw"
        self.processed_topic = f"{self.name}-processed"
        self.processes: list[ProductProcess] = []
        self.folder = folder  # for the logs of the processes
        self._topics = topics
        # One for all questions: a wait asks again and again, and each connection costs a thread.
        self._raw_offsets = OffsetsReader(servers.kafka.address.split(","), self.raw_topic)

    @property
    def settings(self) -> dict[str, str]:
        """Return what differs from the settings of the session; the environment uses the same names."""
        return {
            "POSTGRES_DB": self.name,
            "MONGO_DATABASE": self.name,
            "KAFKA_TOPIC_RAW_DATA": self.raw_topic,
            "KAFKA_TOPIC_PROCESSED_DATA": self.processed_topic,
            "DATAFLOW_CONSUMER_GROUP": self.name,
        }

    @property
    def env(self) -> dict[str, str]:
        """Return the environment for a process of this deployment."""
        return {**os.environ, **self.settings, "PYTHONUNBUFFERED": "1"}

    def start_ingest(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        """Start an ingest process and wait until it is ready."""
        return self.start(processes.INGEST, env)

    def start_grpc(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        """Start a gRPC process and wait until it is ready."""
        return self.start(processes.GRPC, env)

    def start_consumer(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        """Start a consumer and wait until it is ready."""
        return self.start(processes.CONSUMER, env)

    def start_jobs(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        """Start a job worker and wait until it is ready."""
        return self.start(processes.JOBS, env)

    def start_web(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        """Start a web process and wait until it is ready."""
        return self.start(processes.WEB, env)

    def start(self, spec: processes.ProcessSpec, env: Mapping[str, str] | None = None) -> ProductProcess:
        """Start a process and wait until it is ready.

        :raises DidNotStart: it ended or was not ready in time; the text ends with its log
        """
        process = self.launch(spec, env)
        self.await_ready(process, spec)
        return process

    @staticmethod
    def await_ready(process: ProductProcess, spec: processes.ProcessSpec) -> None:
        """Wait until a process that was launched is ready.

        :raises DidNotStart: it ended or was not ready in time; the text ends with its log
        """
        process.await_ready(lambda: spec.is_ready(process.port), seconds=60, name=spec.name)

    def launch(
        self, spec: processes.ProcessSpec, env: Mapping[str, str] | None = None, *, port: int | None = None
    ) -> ProductProcess:
        """Start a process without waiting until it is ready.

        :param port: None: any that is free
        """
        log = self.folder / f"{len(self.processes)}-{spec.name}.log"
        process = ProductProcess(
            spec, port=port or ports.free_port(), log=log, env={**self.env, **(env or {})}, forks=self.forks
        )
        self.processes.append(process)
        return process

    def wait_for(self, predicate: Callable[[], Found], seconds: float = 30.0) -> Found:
        """Call the predicate until it returns something true, and return that. Its exceptions pass through.

        :raises DidNotHappen: it returned nothing true for `seconds`
        """
        deadline = time.monotonic() + seconds
        while not (found := predicate()):
            if time.monotonic() > deadline:
                raise DidNotHappen(f"not within {seconds:.1f} s; last answer {found!r}\n{self.logs()}")
            time.sleep(0.02)
        return found

    def logs(self) -> str:
        """Return the last lines of the log of every process of this deployment."""
        return "\n".join(f"--- {process.name}\n{process.last_lines()}" for process in self.processes)

    def raw_ends(self) -> dict[int, int]:
        """Return the end offset of each partition, once the broker knows it: one that has just returned may have no leader."""
        found = self.wait_for(self._ask_offsets)
        assert found is not None
        return {partition: end for partition, (_, end) in found.partitions.items()}

    def _ask_offsets(self) -> TopicOffsets | None:
        try:
            return self._raw_offsets.ask()
        except StoreUnavailable:
            return None

    def remove_raw_records(self, *, before: Mapping[int, int]) -> None:
        """Remove the records before these offsets from the raw topic, as retention does."""
        self._topics.remove_records(self.raw_topic, before=before)

    def recreate_raw_topic(self) -> None:
        """Delete the raw topic with all its records and create one of the same name."""
        self._topics.delete([self.raw_topic])
        self._topics.create([self.raw_topic])

    def create_stores(self) -> None:
        """Create the topics and the database; MongoDB creates its own with the first document."""
        self._topics.create([self.raw_topic, self.processed_topic])
        with self.servers.postgres.connect("postgres") as connection:
            connection.execute(
                # The files are copied; by default each page goes through the log, which costs three times the CPU.
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(self.name), sql.Identifier(TEMPLATE)
                )
            )

    def drop_stores(self) -> None:
        """Delete the topics and both databases, with the roles of the server that were made for the database."""
        with self.servers.postgres.connect("postgres") as connection:
            _drop_database(connection, self.name)
            _drop_readers(connection, self.name)
        with MongoClient[dict[str, object]](self.servers.mongo.uri) as client:
            client.drop_database(self.name)
        self._topics.delete([self.raw_topic, self.processed_topic])

    def stop_processes(self) -> None:
        """Stop all processes of this deployment, at the same time, and drop its own connection to Kafka."""
        self._raw_offsets.close()
        for process in self.processes:
            process.ask_to_stop()
        for process in self.processes:
            process.stop()


class DidNotHappen(AssertionError):
    """What a test waited for did not happen in time."""


def drop_database(servers: Servers, name: str) -> None:
    """Drop a PostgreSQL database, together with the connections to it."""
    with servers.postgres.connect("postgres") as connection:
        _drop_database(connection, name)


def drop_readers(servers: Servers, database: str) -> None:
    """Drop the roles that `manage.py create_reader` made for a database: all databases of a server share its roles."""
    with servers.postgres.connect("postgres") as connection:
        _drop_readers(connection, database)


def _drop_database(connection: Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_readers(connection: Connection, database: str) -> None:
    found = connection.execute(
        "SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'reader_')"
        " AND right(shobj_description(oid, 'pg_authid'), length(%(name)s) + 1) = ' ' || %(name)s",
        {"name": database},
    )
    for (role,) in found.fetchall():
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def make_template(servers: Servers) -> None:
    """Migrate the database that the database of every deployment is copied from."""
    with servers.postgres.connect("postgres") as connection:
        _drop_database(connection, TEMPLATE)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    with database_name(TEMPLATE):
        call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def opened(servers: Servers, topics: Topics, forks: ForkServer, folder: Path) -> Iterator[Deployment]:
    """Open a deployment for the length of a block; afterwards its processes are stopped and its stores deleted."""
    servers.ensure_running()
    deployment = Deployment(servers, topics, forks, folder)
    deployment.create_stores()
    cache.clear()
    try:
        # Each of Django's test clients would list all static files, at ten times the cost of its request.
        with override_settings(**deployment.settings, WHITENOISE_AUTOREFRESH=True), database_name(deployment.name):
            yield deployment
    finally:
        deployment.stop_processes()
        servers.ensure_running()
        deployment.drop_stores()


@contextmanager
def database_name(name: str) -> Iterator[None]:
    """Point the Django connections of every thread to another database of the same server."""
    database = connections.settings["default"]
    before = database["NAME"]
    _close_connections()
    database["NAME"] = name
    try:
        yield
    finally:
        _close_connections()
        database["NAME"] = before


def _close_connections() -> None:
    """Close the connections of this thread, of the thread that async code uses, and their shared pool."""
    connections.close_all()
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
    close_pool()


def close_pool() -> None:
    """Close the connections of the pool, as needed after a restart of PostgreSQL."""
    connection = connections["default"]
    assert isinstance(connection, DatabaseWrapper)
    connection.close_pool()


__all__ = ["Deployment", "DidNotHappen", "DidNotStart", "ProductProcess", "database_name", "make_template", "opened"]
