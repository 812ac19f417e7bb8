"""An export that is cut off behind the nginx of docs/proxies.md is cut off in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from django.db import connection, transaction

from dataflow_site.tests.services.test_proxies import NGINX, Proxy, started
from deploy.testing.deployment import Deployment

pytestmark = [pytest.mark.services, pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")]

EVENTS = 40_000  # of 1 kB: more than sockets and nginx hold


@pytest.fixture(scope="module")
def proxy(module_site: Deployment) -> Iterator[Proxy]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            """INSERT INTO events SELECT 'big', timestamptz '2009-01-01Z' + n * interval '1 s', gen_random_uuid(), now(), now(),
                   jsonb_build_object('text', repeat(md5(n::text), 32)), n, n, 0, 0, 1, NULL
               FROM generate_series(1, %s) n""",
            [EVENTS],
        )
    yield from started(module_site, module_site.folder)


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_an_export_that_fails_behind_nginx_is_an_error_in_front_of_it(proxy: Proxy, form: str) -> None:
    with proxy.client() as client, client.stream("GET", f"/api/data/export/?format={form}") as response:
        pieces = response.iter_raw(1_000)
        next(pieces)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dataflow-export'"
            )
            assert cursor.fetchall() == [(True,)]
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in pieces:
                pass


def test_a_whole_export_passes_nginx_whole(proxy: Proxy) -> None:
    with proxy.client() as client:
        assert client.get("/api/data/export/").text.count('"eventId"') == EVENTS
