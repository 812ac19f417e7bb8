"""A running door for tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from deploy.testing.deployment import Deployment, ProductProcess
from deploy.testing.plugin import OpenDeployment
from ingestion.tests.client import call


@dataclass(frozen=True, slots=True)
class Door:
    """Where a running ingest process is, and where it writes."""

    url: str
    topic: str
    site: Deployment


MakeDoor = Callable[[Mapping[str, str]], Door]


@pytest.fixture(scope="module")
def make_door(open_deployment: OpenDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeDoor]:
    """Open doors for a module's tests, each on a site of its own, with these settings."""
    with ExitStack() as stack:

        def opened(env: Mapping[str, str]) -> Door:
            site = stack.enter_context(open_deployment(tmp_path_factory.mktemp("door")))
            return Door(open_door(site, env).url, site.raw_topic, site)

        yield opened


@pytest.fixture(scope="module")
def door(make_door: MakeDoor) -> Door:
    """One ingest process for a module's tests; each uses sources of its own."""
    return make_door({})


def open_door(site: Deployment, env: Mapping[str, str] | None = None) -> ProductProcess:
    """Start an ingest process and wait until it has found Kafka."""
    process = site.start_ingest(env)
    site.wait_for(lambda: call(process.url, "GET", "/readyz").status == 200, 20)
    return process
