from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress

import psutil
import pytest

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.tests.client import JSON, call, request_bytes
from ingestion.tests.client import event as good
from ingestion.tests.conftest import open_receiver

pytestmark = pytest.mark.services

MIB = 1024 * 1024
LARGEST = 5 * MIB
CONNECTIONS = 150
BUDGET = 32 * MIB  # of a key
REST = 64 * MIB  # pieces being read, what the allocator keeps of them, 150 connections; without a budget 795 MB in all


def test_a_key_with_many_unfinished_bodies_costs_no_more_than_its_budget_and_no_neighbour(site: Deployment) -> None:
    _, mine = api_keys.create("hostile", ["ingest"])
    _, theirs = api_keys.create("neighbour", ["ingest"])
    receiver = open_receiver(site, {"DATAFLOW_OPEN_INGEST": "0"})
    process = psutil.Process(receiver.pid)
    headers = {**JSON, "Authorization": f"Bearer {theirs}"}

    def sends() -> float:
        start = time.monotonic()
        assert call(receiver.url, "POST", "/ingest", request_bytes(good()).split(b"\r\n\r\n")[1], headers).status == 202
        return time.monotonic() - start

    sends()
    calm, before = max(sends() for _ in range(10)), process.memory_info().rss
    with ExitStack() as stack:
        statuses = []
        for _ in range(CONNECTIONS):
            unfinished = stack.enter_context(socket.create_connection(("127.0.0.1", receiver.port)))
            statuses.append(begin(unfinished, mine))
        slowest = max(sends() for _ in range(20))
        after = process.memory_info().rss

    assert statuses.count(b"429") > CONNECTIONS / 2
    assert after - before < BUDGET + REST
    assert slowest < max(1.0, 5 * calm)
    site.wait_for(lambda: call(receiver.url, "POST", "/ingest", b"{}", {**JSON, "X-API-Key": mine}).status == 422, 5)


def begin(connection: socket.socket, token: str) -> bytes | None:
    """Send a body but for its last bytes, or until it is refused; return the status of that."""
    head = f"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-API-Key: {token}\r\n"
    connection.sendall(f"{head}Content-Length: {LARGEST}\r\n\r\n".encode())
    sent = 0
    with suppress(ConnectionError):
        while sent < LARGEST - 10:
            piece = min(256 * 1024, LARGEST - 10 - sent)
            connection.sendall(b" " * piece)
            sent += piece
            connection.settimeout(0.01)
            with suppress(TimeoutError):
                return connection.recv(65536).split(b" ")[1]
            connection.settimeout(None)
    return None
