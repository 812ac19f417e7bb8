"""A running door for tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from pytest_django.plugin import DjangoDbBlocker

from deploy.local import site as sites
from deploy.local.servers import Servers
from deploy.local.site import ProductProcess, Site
from deploy.local.topics import Topics
from ingestion.tests.client import call


@dataclass(frozen=True, slots=True)
class Door:
    """Where a running ingest process is, and where it writes."""

    url: str
    topic: str
    site: Site


@pytest.fixture(scope="module")
def door(
    servers: Servers,
    _topics: Topics,
    _template: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Door]:
    """One ingest process for a module's tests; each uses sources of its own."""
    folder = tmp_path_factory.mktemp("door")
    with django_db_blocker.unblock(), sites.opened(servers, _topics, folder) as opened:
        yield Door(open_door(opened).url, opened.raw_topic, opened)


def open_door(site: Site, env: Mapping[str, str] | None = None) -> ProductProcess:
    """Start an ingest process and wait until it has found Kafka."""
    process = site.start_ingest(env)
    site.wait_for(lambda: call(process.url, "GET", "/readyz").status == 200, 20)
    return process
