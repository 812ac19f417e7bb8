"""Every process answers its health check while hundreds of connections to its port are silent."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from deploy.local.processes import CONSUMER, GRPC, INGEST, WEB, ProcessSpec
from deploy.testing.deployment import Deployment

pytestmark = pytest.mark.services

SILENT = 400
SECONDS = 1.0  # the probe's own limit, of make run as of the containers


@pytest.mark.faults
@pytest.mark.parametrize("spec", [WEB, INGEST, GRPC, CONSUMER], ids=lambda spec: spec.name)
def test_silent_connections_hold_up_no_health_check(site: Deployment, spec: ProcessSpec) -> None:
    process = site.start(spec)
    with ExitStack() as stack:
        for _ in range(SILENT):
            stack.enter_context(socket.create_connection(("127.0.0.1", process.port), 5))

        began = time.monotonic()
        answers = [spec.is_ready(process.port) for _ in range(5)]

    assert answers == [True] * 5
    assert time.monotonic() - began < 5 * SECONDS
