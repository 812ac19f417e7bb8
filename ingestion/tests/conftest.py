"""A running receiver for tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from deploy.testing.deployment import Deployment, ProductProcess
from deploy.testing.plugin import OpenDeployment
from ingestion.tests.client import call


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a running ingest process is, and where it writes."""

    url: str
    topic: str
    site: Deployment


MakeReceiver = Callable[[Mapping[str, str]], Receiver]


@pytest.fixture(scope="module")
def make_receiver(open_deployment: OpenDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeReceiver]:
    """Open receivers for a module's tests, each on a site of its own, with these settings."""
    with ExitStack() as stack:

        def opened(env: Mapping[str, str]) -> Receiver:
            site = stack.enter_context(open_deployment(tmp_path_factory.mktemp("receiver")))
            return Receiver(open_receiver(site, env).url, site.raw_topic, site)

        yield opened


@pytest.fixture(scope="module")
def receiver(make_receiver: MakeReceiver) -> Receiver:
    """One ingest process for a module's tests; each uses sources of its own."""
    return make_receiver({})


def open_receiver(site: Deployment, env: Mapping[str, str] | None = None) -> ProductProcess:
    """Start an ingest process and wait until it has found Kafka."""
    process = site.start_ingest(env)
    site.wait_for(lambda: call(process.url, "GET", "/readyz").status == 200, 20)
    return process
