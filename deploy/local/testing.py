"""The pytest plugin that gives tests the real servers (`servers`) and a clean deployment on them (`site`).

Importing it chooses free ports and sets the environment, so that settings never point to a stack that someone uses.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.plugin import DjangoDbBlocker

from deploy.local import ports, site
from deploy.local.kafka import Kafka
from deploy.local.mongo import MongoDB
from deploy.local.postgres import PostgreSQL
from deploy.local.redis import Redis
from deploy.local.servers import Servers
from deploy.local.site import Site
from deploy.local.topics import Topics

_KAFKA, _POSTGRES, _MONGO, _REDIS = (ports.free_port() for _ in range(4))
_PREFIXES = ("DATAFLOW_", "KAFKA_", "POSTGRES_", "MONGO_", "REDIS_")


def _set_environment() -> None:
    for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
        del os.environ[name]
    os.environ |= {
        "DATAFLOW_ENV_FILE": os.devnull,
        "KAFKA_BOOTSTRAP_SERVERS": f"{ports.HOST}:{_KAFKA}",
        "POSTGRES_HOST": ports.HOST,
        "POSTGRES_PORT": str(_POSTGRES),
        "MONGO_URI": f"mongodb://{ports.HOST}:{_MONGO}",
        "REDIS_ADDR": f"{ports.HOST}:{_REDIS}",
    }


_set_environment()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Kafka, PostgreSQL, MongoDB and Redis, real ones, started for the first test that asks."""
    folder = Path(tempfile.mkdtemp(prefix="dataflow-test-"))
    started = Servers(
        kafka=Kafka(port=_KAFKA, folder=folder / "kafka"),
        # A test outlives no power cut; SIGKILL loses nothing either way.
        postgres=PostgreSQL(port=_POSTGRES, folder=folder / "postgres", settings={"fsync": "off"}),
        mongo=MongoDB(port=_MONGO, folder=folder / "mongo"),
        redis=Redis(port=_REDIS, folder=folder / "redis"),
    )
    try:
        started.ensure_running()
        yield started
    finally:
        started.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _topics(servers: Servers) -> Iterator[Topics]:
    topics = Topics(servers.kafka.address)
    yield topics
    topics.close()


@pytest.fixture(scope="session")
def _template(servers: Servers, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        site.make_template(servers)


@pytest.fixture(name="site")
def _site(
    servers: Servers, _topics: Topics, _template: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> Iterator[Site]:
    """A clean deployment: empty stores, settings that point to them, and processes on request."""
    with django_db_blocker.unblock(), site.opened(servers, _topics, tmp_path) as opened:
        yield opened
