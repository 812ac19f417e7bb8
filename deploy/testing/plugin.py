"""The pytest plugin with the real servers (`servers`) and clean deployments on them (`site`, `module_site`).

Importing it reserves free ports and sets the environment before Django reads its settings. Each worker of pytest-xdist
imports it in a process of its own, so each has servers of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest
from kafka import KafkaConsumer
from kafka.cluster import ClusterMetadata
from pytest_django.plugin import DjangoDbBlocker

from deploy.local import ports, processes
from deploy.local.servers.kafka import Kafka
from deploy.local.servers.mongo import MongoDB
from deploy.local.servers.postgres import PostgreSQL
from deploy.local.servers.redis import Redis
from deploy.testing import deployment
from deploy.testing.deployment import Deployment
from deploy.testing.forks.client import ForkServer
from deploy.testing.servers import Servers
from deploy.testing.topics import Topics

_KAFKA, _POSTGRES, _MONGO, _REDIS = (ports.free_port() for _ in range(4))
_PREFIXES = ("DATAFLOW_", "KAFKA_", "POSTGRES_", "MONGO_", "REDIS_")

_PREFIX = "dataflow-test-"
_RAM_DISK = Path("/dev/shm")  # noqa: S108 - a folder of an unguessable name in it
_RAM_NEEDED = 8 * 2**30  # bytes, for the servers of several workers

# With the folder for its logs; the deployment ends with the `with` block.
OpenDeployment = Callable[[Path], AbstractContextManager[Deployment]]


def _set_environment() -> None:
    for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
        del os.environ[name]
    os.environ |= {
        "DATAFLOW_ENV_FILE": os.devnull,
        # Whatever a launcher chose in this folder.
        "DATAFLOW_LOCAL_PORTS": "0",
        "KAFKA_BOOTSTRAP_SERVERS": f"{ports.HOST}:{_KAFKA}",
        "POSTGRES_HOST": ports.HOST,
        "POSTGRES_PORT": str(_POSTGRES),
        "MONGO_URI": f"mongodb://{ports.HOST}:{_MONGO}",
        "REDIS_ADDR": f"{ports.HOST}:{_REDIS}",
    }


_set_environment()

# Milliseconds. With the clients' 100 each client in a test's own process sleeps so long before it asks about its topic, and
# between polls without records; that is most of the time of a `reconcile` or of one record sent.
for _client in (ClusterMetadata, KafkaConsumer):
    _client.DEFAULT_CONFIG["retry_backoff_ms"] = 5


def ram_disk() -> Path | None:
    """Return the RAM disk if it is large enough: databases and topics are created there in a third of the time."""
    if _RAM_DISK.is_dir() and shutil.disk_usage(_RAM_DISK).free > _RAM_NEEDED:
        return _RAM_DISK
    return None


def make_folder(parent: Path) -> Path:
    """Create a folder for servers, and remove those of processes that were killed, which would keep their memory."""
    for left in parent.glob(f"{_PREFIX}*-*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Kafka, PostgreSQL, MongoDB and Redis, started for the first test that asks for them."""
    made = make_folder(ram_disk() or Path(tempfile.gettempdir()))
    # As a checkout's folder may be called: letters beyond Latin-1, a comma, blanks.
    folder = made / "Größe, 日本 2"
    started = Servers(
        # Java's second compiler costs more CPU than it saves within minutes.
        kafka=Kafka(port=_KAFKA, folder=folder / "kafka", options=["-XX:TieredStopAtLevel=1"]),
        # Without them data is lost in a power cut only, not when a process is killed.
        postgres=PostgreSQL(
            port=_POSTGRES,
            folder=folder / "postgres",
            settings={"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"},
        ),
        mongo=MongoDB(port=_MONGO, folder=folder / "mongo"),
        redis=Redis(port=_REDIS, folder=folder / "redis"),
    )
    try:
        started.ensure_running()
        yield started
    finally:
        started.stop()
        shutil.rmtree(made)


@pytest.fixture(scope="session")
def topics(servers: Servers) -> Iterator[Topics]:
    """Return the connection that creates and deletes the topics of all deployments."""
    connected = Topics(servers.kafka.address)
    yield connected
    connected.close()


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    """Return the process that the processes of all deployments are forked from."""
    server = ForkServer(processes.ROOT)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def template_database(servers: Servers, django_db_blocker: DjangoDbBlocker) -> None:
    """Migrate the database that the database of every deployment is copied from."""
    with django_db_blocker.unblock():
        deployment.make_template(servers)


@pytest.fixture(scope="session")
def open_deployment(
    servers: Servers,
    topics: Topics,
    forks: ForkServer,
    template_database: None,
    django_db_blocker: DjangoDbBlocker,
) -> OpenDeployment:
    """Return a function that opens a clean deployment for the length of a `with` block, for fixtures of any scope."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Deployment]:
        with django_db_blocker.unblock(), deployment.opened(servers, topics, forks, folder) as clean:
            yield clean

    return opened


@pytest.fixture
def site(open_deployment: OpenDeployment, tmp_path: Path) -> Iterator[Deployment]:
    """Return a clean deployment for one test: empty stores, settings that point to them, processes on request."""
    with open_deployment(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def module_site(open_deployment: OpenDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Return one clean deployment for all tests of a module."""
    with open_deployment(tmp_path_factory.mktemp("module")) as opened:
        yield opened
