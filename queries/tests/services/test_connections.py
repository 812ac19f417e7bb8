"""Connections to PostgreSQL of the web process: as many as its pool has, however many requests there are and how they end."""

from __future__ import annotations

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from deploy.testing.deployment import Deployment, ProductProcess
from queries.tests.stored import account, roll_up, series, store

pytestmark = pytest.mark.services

REQUESTS, CUT = 1_000, 100
ADDRESSES = (
    "/data?limit=50", "/data?field.temperature=1.5&source_id=sensor-1", "/api/data/aggregate/?agg=p50", "/api/series/",
    "/api/sources/", "/api/pipeline/", "/api/events/5f3b1c1e-1111-4111-8111-111111111111/", "/data?limit=0", "/data?count=exact",
)  # fmt: skip


def connections(site: Deployment) -> list[str]:
    """Return the states of the web process's connections."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(state, '') FROM pg_stat_activity WHERE datname = %s AND application_name = 'dataflow'"
            " AND pid <> pg_backend_pid()",
            [site.name],
        )
        return [state for (state,) in cursor.fetchall()]


def ask(web: ProductProcess, numbers: range) -> set[int]:
    address = urlsplit(web.url)
    client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    statuses: set[int] = set()
    for number in numbers:
        client.request("GET", ADDRESSES[number % len(ADDRESSES)])
        answer = client.getresponse()
        answer.read()
        statuses.add(answer.status)
    client.close()
    return statuses


def cut(web: ProductProcess, number: int) -> None:
    """Send a request and go away before its answer."""
    address = urlsplit(web.url)
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(f"GET {ADDRESSES[number % len(ADDRESSES)]} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        time.sleep(number % 5 / 1_000)


def test_no_connection_is_left_after_many_requests_and_cut_ones(site: Deployment) -> None:
    store(*series(200))
    roll_up("sensor-2", "temperature", [(event.ts, 1.0) for event in series(20)])
    account("sensor-1")
    account("sensor-2")
    web = site.start_web()
    most = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    connection.close()

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, web, range(first, REQUESTS, 4)) for first in range(4)]
        cuts = [pool.submit(cut, web, number) for number in range(CUT)]
        statuses = set().union(*(each.result() for each in asked))
        for each in cuts:
            each.result()

    assert statuses <= {200, 400, 404, 429}
    assert {200, 400, 404} <= statuses
    assert len(connections(site)) <= most
    site.wait_for(lambda: set(connections(site)) <= {"idle"}, 10)
    # The pool still has them all to give.
    assert ask(web, range(3 * len(ADDRESSES))) <= {200, 400, 404}
