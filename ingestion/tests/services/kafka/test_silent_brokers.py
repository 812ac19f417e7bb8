"""A broker of several that accepts connections and answers nothing, as one that is frozen."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from deploy.local import ports
from deploy.testing.deployment import Deployment
from ingestion.kafka.connection_options import connection_options
from ingestion.kafka.refusals import RefusalAwareClient

# A client that gave up a connection leaves it to the garbage collector, which may come in a later test.
pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

TIMEOUT = 4_000  # milliseconds for the first answer of any broker


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of the broker."""
    with socket.create_server((ports.HOST, 0)) as listening:
        yield listening.getsockname()[1]


def test_another_broker_is_asked_where_the_first_one_is_silent(
    site: Deployment, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = [f"{ports.HOST}:{silent}", site.servers.kafka.address]
    tried, choice = [], random.choice

    def choose(choices: Sequence[Any]) -> Any:
        """The silent one first, as chance may have it, then the other one."""
        if all(getattr(node, "port", None) != silent for node in choices):
            return choice(choices)  # of another client
        tried.append(choices)
        return min(choices, key=lambda node: (node.port == silent) == (len(tried) > 1))

    monkeypatch.setattr(random, "choice", choose)
    client = KafkaAdminClient(**connection_options(servers), bootstrap_timeout_ms=TIMEOUT)

    assert site.raw_topic in client.list_topics()
    assert len(tried) == 2
    client.close()


def test_a_silent_broker_is_given_up_soon_and_later_each_time(silent: int) -> None:
    client = RefusalAwareClient(bootstrap_servers=[f"{ports.HOST}:{silent}"])
    manager, [node] = client._manager, client.cluster.bootstrap_brokers()
    taken = []
    for _ in range(2):
        began = time.monotonic()
        connection = manager.get_connection(node.node_id)
        while not connection.init_future.is_done:
            client.poll(timeout_ms=100)
        taken.append(time.monotonic() - began)
        # What the client would wait for before it tries again.
        manager.reset_backoff(node.node_id)
    client.close()

    assert 1.5 < taken[0] < 3.5 < taken[1] < 6
