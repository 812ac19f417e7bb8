"""A clean deployment for one test, on the session's servers."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from asgiref.sync import SyncToAsync
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import override_settings
from psycopg import sql
from pymongo import MongoClient

from deploy.local import ports, product
from deploy.local.process import DidNotStart, Process
from deploy.local.servers import Servers
from deploy.local.topics import Topics

TEMPLATE = "dataflow_template"  # migrated once per session, then copied
Found = TypeVar("Found")


class ProductProcess(Process):
    """A running process of the product."""

    def __init__(self, part: product.Part, *, port: int, log: Path, env: Mapping[str, str]) -> None:
        self.name = part.name
        self.port = port
        super().__init__(part.command(port), log=log, env={**env, **part.settings(port)}, cwd=product.ROOT)

    @property
    def url(self) -> str:
        return f"http://{ports.HOST}:{self.port}"


class Site:
    """Stores of its own, settings that point to them, and processes that end with the test."""

    def __init__(self, servers: Servers, topics: Topics, folder: Path) -> None:
        self.servers = servers
        self.name = f"test_{uuid.uuid4().hex[:12]}"
        self.raw_topic = f"{self.name}-raw"
        self.processed_topic = f"{self.name}-processed"
        self.processes: list[ProductProcess] = []
        self._topics = topics
        self._folder = folder

    @property
    def settings(self) -> dict[str, str]:
        """What differs from the session's settings; the names are those of the environment too."""
        return {
            "POSTGRES_DB": self.name,
            "MONGO_DATABASE": self.name,
            "KAFKA_TOPIC_RAW_DATA": self.raw_topic,
            "KAFKA_TOPIC_PROCESSED_DATA": self.processed_topic,
            "DATAFLOW_CONSUMER_GROUP": self.name,
        }

    @property
    def env(self) -> dict[str, str]:
        """The environment for a process that is to work on this site."""
        return {**os.environ, **self.settings, "PYTHONUNBUFFERED": "1"}

    def start_ingest(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        return self.start(product.INGEST, env)

    def start_grpc(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        return self.start(product.GRPC, env)

    def start_consumer(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        return self.start(product.CONSUMER, env)

    def start_jobs(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        return self.start(product.JOBS, env)

    def start_web(self, env: Mapping[str, str] | None = None) -> ProductProcess:
        return self.start(product.WEB, env)

    def start(self, part: product.Part, env: Mapping[str, str] | None = None) -> ProductProcess:
        """Start a process and wait until it says that it is well.

        :raises DidNotStart: it ended or stayed silent; the text ends with its log
        """
        process = self.launch(part, env)
        process.await_ready(lambda: part.is_well(process.port), seconds=30, name=part.name)
        return process

    def launch(self, part: product.Part, env: Mapping[str, str] | None = None) -> ProductProcess:
        """Start a process and wait for nothing."""
        log = self._folder / f"{len(self.processes)}-{part.name}.log"
        process = ProductProcess(part, port=ports.free_port(), log=log, env={**self.env, **(env or {})})
        self.processes.append(process)
        return process

    def wait_for(self, predicate: Callable[[], Found], seconds: float = 10.0) -> Found:
        """Call it until it gives something true, and give that; what it raises goes through.

        :raises DidNotHappen: it stayed false for so long
        """
        deadline = time.monotonic() + seconds
        while not (found := predicate()):
            if time.monotonic() > deadline:
                raise DidNotHappen(f"not within {seconds:.1f} s; last answer {found!r}\n{self.logs()}")
            time.sleep(0.02)
        return found

    def logs(self) -> str:
        """The last lines of every process of this site."""
        return "\n".join(f"--- {process.name}\n{process.last_lines()}" for process in self.processes)

    def remove_raw_records(self, *, before: Mapping[int, int]) -> None:
        """Let the raw topic begin later in these partitions, as after its retention."""
        self._topics.remove_records(self.raw_topic, before=before)

    def recreate_raw_topic(self) -> None:
        """Delete the raw topic with everything in it, and make another of its name."""
        self._topics.delete([self.raw_topic])
        self._topics.create([self.raw_topic])

    def create_stores(self) -> None:
        self._topics.create([self.raw_topic, self.processed_topic])
        with self.servers.postgres.connect("postgres") as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(self.name), sql.Identifier(TEMPLATE))
            )

    def drop_stores(self) -> None:
        drop_database(self.servers, self.name)
        with MongoClient[dict[str, object]](self.servers.mongo.uri) as client:
            client.drop_database(self.name)
        self._topics.delete([self.raw_topic, self.processed_topic])

    def stop_processes(self) -> None:
        for process in self.processes:
            process.ask_to_stop()
        for process in self.processes:
            process.stop()


class DidNotHappen(AssertionError):
    """What a test waited for did not come."""


def drop_database(servers: Servers, name: str) -> None:
    with servers.postgres.connect("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def make_template(servers: Servers) -> None:
    """Migrate the database that every site's is copied from."""
    drop_database(servers, TEMPLATE)
    with servers.postgres.connect("postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    with database_name(TEMPLATE):
        call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def opened(servers: Servers, topics: Topics, folder: Path) -> Iterator[Site]:
    """Give a site for the length of a block; afterwards nothing of it is left."""
    servers.ensure_running()
    site = Site(servers, topics, folder)
    site.create_stores()
    cache.clear()
    try:
        with override_settings(**site.settings), database_name(site.name):
            yield site
    finally:
        site.stop_processes()
        servers.ensure_running()
        site.drop_stores()


@contextmanager
def database_name(name: str) -> Iterator[None]:
    """Point Django's connections, of every thread, to another database of the same server."""
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
    """Close those of this thread, of the thread that async code uses, and the pool that they share."""
    connections.close_all()
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
    close_pool()


def close_pool() -> None:
    """Drop the pool's connections, as after a restart of PostgreSQL."""
    connection = connections["default"]
    assert isinstance(connection, DatabaseWrapper)
    connection.close_pool()


__all__ = ["DidNotHappen", "DidNotStart", "ProductProcess", "Site", "database_name", "make_template", "opened"]
