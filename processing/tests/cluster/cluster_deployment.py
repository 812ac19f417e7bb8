"""A deployment on servers of several members each, with two receivers behind nginx and four consumers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from django.db import connections
from django.test import override_settings

from deploy.cluster import nginx
from deploy.cluster import servers as cluster
from deploy.cluster.nginx import Nginx
from deploy.cluster.servers import ClusterServers, Ports
from deploy.local import ports
from deploy.local.processes import CONSUMER, INGEST, ROOT
from deploy.testing.deployment import Deployment, ProductProcess, database_name
from deploy.testing.forks.client import ForkServer
from deploy.testing.topics import Topics
from ingestion.tests.client import call
from processing.tests.faults.fault_deployment import World

RECEIVERS, CONSUMERS = 2, 4


def make_servers(folder: Path) -> ClusterServers:
    """Return a cluster on free ports, not started yet."""
    free = Ports(
        brokers=tuple((ports.free_port(), ports.free_port()) for _ in range(3)),
        postgres=(ports.free_port(), ports.free_port()),
        mongo=tuple(ports.free_port() for _ in range(3)),
        redis=ports.free_port(),
    )
    # Without them data is lost in a power cut only, not when a process is killed.
    quick = {"fsync": "off", "full_page_writes": "off"}
    return cluster.make(free, folder, passwords=("dataflow", ""), postgres=quick)


class ClusterDeployment(Deployment):
    """Stores and processes of its own on a cluster."""

    servers: ClusterServers

    @property
    def env(self) -> dict[str, str]:
        """Return the environment for a process: it names all members."""
        return {**super().env, **self.servers.environment()}

    def create_stores(self) -> None:
        """Create the database, the topics and the collection, as an operator does."""
        with self.servers.postgres.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {self.name}")
        for words in (["migrate", "--verbosity", "0"], ["prepare_stores"]):
            made = subprocess.run(
                [sys.executable, "manage.py", *words],
                cwd=ROOT,
                env=self.env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert made.returncode == 0, made.stdout + made.stderr


@contextmanager
def opened(servers: ClusterServers, forks: ForkServer, folder: Path) -> Iterator[ClusterDeployment]:
    """Open a deployment for the length of a block, and point this process to it."""
    topics = Topics(servers.kafka.address)
    deployment = ClusterDeployment(servers, topics, forks, folder)
    try:
        deployment.create_stores()
        with _pointing_to(deployment):
            yield deployment
    finally:
        deployment.stop_processes()
        topics.close()


@contextmanager
def _pointing_to(deployment: ClusterDeployment) -> Iterator[None]:
    servers, database = deployment.servers, connections.settings["default"]
    primary = {"target_session_attrs": "read-write"}
    own = {
        "HOST": servers.postgres.hosts,
        "PORT": servers.postgres.ports,
        "OPTIONS": {**database["OPTIONS"], **primary},
    }
    before = {name: database[name] for name in own}
    database |= own
    try:
        with (
            override_settings(
                **deployment.settings,
                KAFKA_BOOTSTRAP_SERVERS=servers.kafka.address.split(","),
                POSTGRES_PRIMARY=primary,
                MONGO_URI=servers.mongo.uri,
            ),
            database_name(deployment.name),
        ):
            yield
    finally:
        database |= before


@dataclass
class ClusterWorld(World):
    """A world with two receivers, which senders reach by themselves and through nginx, and four consumers."""

    # A cluster on one machine is busy by itself, and a fault lasts longer here: so a test has some thousand events.
    pause: float = 0.1
    chance: Random = field(default_factory=Random)
    receivers: list[ProductProcess] = field(default_factory=list)
    consumers: list[ProductProcess] = field(default_factory=list)
    _nginx: Nginx | None = None

    @property
    def cluster(self) -> ClusterServers:
        assert isinstance(self.site, ClusterDeployment)
        return self.site.servers

    def start_receiver(self, env: Mapping[str, str] | None = None) -> None:
        """Start all receivers, and nginx before them where it is installed."""
        self.receivers = [self.site.start(INGEST, env) for _ in range(RECEIVERS)]
        self.site.wait_for(lambda: all(call(each.url, "GET", "/readyz").status == 200 for each in self.receivers))
        [self._receiver, *_] = self.receivers
        self.close()
        if nginx.BINARY:
            self._nginx = self._start_nginx(self._receiver)

    def _start_nginx(self, pages: ProductProcess) -> Nginx:
        front = Nginx(
            port=ports.free_port(),
            folder=self.folder / f"nginx-{pages.port}",
            receivers=[each.port for each in self.receivers],
            pages=pages.port,
        )
        front.start()
        return front

    def start_consumer(self, env: Mapping[str, str] | None = None, *, understands: str | None = None) -> None:
        """Start all consumers."""
        assert understands is None
        self.consumers = [self.site.launch(CONSUMER, env) for _ in range(CONSUMERS)]
        self.site.wait_for(lambda: all(CONSUMER.is_ready(each.port) for each in self.consumers), 60)
        [self._consumer, *_] = self.consumers

    def stop_consumers(self) -> None:
        """Stop all of them in order, each after its batch."""
        for each in self.consumers:
            each.ask_to_stop()
        for each in self.consumers:
            assert each.stop() == 0, each.log

    def address(self) -> str:
        """Any receiver, or nginx: two batches of one source may take different ways."""
        front = [f"http://{ports.HOST}:{self._nginx.port}"] if self._nginx else []
        return self.chance.choice([*(each.url for each in self.receivers), *front])

    def close(self) -> None:
        """Stop nginx; the deployment stops the rest."""
        if self._nginx is not None:
            self._nginx.stop()
