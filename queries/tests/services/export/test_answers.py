"""GET /api/data/export/ of the web process: formats, wrong requests, one snapshot, and what ends one in the middle."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import httpx
import psutil
import pyarrow as pa
import pytest
from django.db import connection, transaction

from deploy.testing.deployment import Deployment, ProductProcess, close_pool
from queries.tests.exported import lines, parquet, table

pytestmark = pytest.mark.services

PATH = "/api/data/export/"
EVENTS = 60_000
# Of 128 characters each, that no format can make much shorter: 30 MB at least, more than the buffers of sockets hold.
TEXTS = 8
MOST_GROWTH = 50  # MB


@pytest.fixture(scope="module")
def running(module_site: Deployment) -> ProductProcess:
    """One web process with many events of one source."""
    fill("big", EVENTS)
    fill("small", 3)
    return module_site.start_web({"DATAFLOW_EXPORTS": "3", "DATAFLOW_READS_PER_READER": "8"})


@pytest.fixture
def web(module_site: Deployment, running: ProductProcess) -> ProductProcess:
    """The web process, past whatever the test before did to PostgreSQL."""
    module_site.servers.ensure_running()
    connection.close()
    close_pool()
    module_site.wait_for(lambda: ask(running, "?source_id=small").status == 200)
    module_site.wait_for(lambda: not backends())
    return running


def fill(source: str, count: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            """INSERT INTO events SELECT %s, timestamptz '2009-01-01Z' + n * interval '1 s', gen_random_uuid(), now(), now(),
                   jsonb_build_object('n', n, 'text', (
                       SELECT string_agg(encode(sha512((n || '.' || part)::bytea), 'hex'), '') FROM generate_series(1, %s) part
                   )), n, n, 0, 0, 1, NULL
               FROM generate_series(1, %s) n""",
            [source, TEXTS, count],
        )


def backends(*, waiting: bool = False) -> list[int]:
    """Return the connections to PostgreSQL of exports, or those that wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'dataflow-export'"
            " AND (wait_event_type = 'Lock' OR NOT %s)",
            [waiting],
        )
        return [pid for (pid,) in cursor.fetchall()]


class Answer:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def ask(web: ProductProcess, query: str, *, method: str = "GET", **headers: str) -> Answer:
    request = Request(f"{web.url}{PATH}{query}", method=method, headers=headers)
    try:
        with urlopen(request, timeout=60) as response:
            return Answer(response.status, response.headers, response.read())
    except HTTPError as error:
        return Answer(error.code, error.headers, error.read())


@contextmanager
def begun(web: ProductProcess, query: str, *, version: str = "1.1", more: str = "") -> Iterator[socket.socket]:
    """Ask for an export and read its first bytes; the rest waits."""
    stream = socket.socket()
    with stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        stream.settimeout(30)
        stream.connect(("127.0.0.1", web.port))
        stream.sendall(f"GET {PATH}{query} HTTP/{version}\r\nHost: localhost\r\n{more}\r\n".encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 200 ")
        yield stream


def rest(stream: socket.socket) -> bytes:
    return b"".join(iter(lambda: stream.recv(1 << 20), b""))


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/x-ndjson"),
        ("text/csv", "text/csv"),
        ("application/vnd.apache.parquet, text/csv;q=0.5", "application/vnd.apache.parquet"),
        ("text/csv;q=0.5, application/jsonl", "application/x-ndjson"),
        ("text/html, */*;q=0.1", "application/x-ndjson"),
    ],
)
def test_the_format_is_what_accept_prefers(web: ProductProcess, accept: str, media: str) -> None:
    answer = ask(web, "?source_id=small", Accept=accept)

    assert (answer.status, answer.headers.get_content_type()) == (200, media)
    assert "Accept" in answer.headers["Vary"]


def test_a_format_that_is_named_goes_before_accept(web: ProductProcess) -> None:
    answer = ask(web, "?source_id=small&format=csv", Accept="application/vnd.apache.parquet")

    assert len(table(answer.body)) == 3
    assert re.fullmatch(r'attachment; filename="events-\d{8}T\d{6}Z\.csv"', answer.headers["Content-Disposition"])
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_accept_that_no_format_fits_is_a_406_that_names_them(web: ProductProcess) -> None:
    answer = ask(web, "?source_id=small", Accept="image/png")

    assert (answer.status, answer.problem["code"]) == (406, "not_acceptable")
    assert "text/csv" in answer.problem["detail"]


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("format=parket", "invalid_parameter", "nearest one is parquet"),
        ("fields=a,b,a", "invalid_parameter", "fields: expected each field once"),
        ("fields=a&fields=a", "invalid_parameter", "fields: expected each field once"),
        ("manifest=1&format=csv", "invalid_parameter", "manifest: expected with format=ndjson"),
        ("manifest=yes", "invalid_parameter", "manifest"),
        ("limit=5", "unknown_parameter", "unknown"),
        ("cursor=x", "unknown_parameter", "unknown"),
        ("order=up", "invalid_parameter", "order"),
        ("start_time=2026-01-02&end_time=2026-01-01", "invalid_parameter", "end_time"),
        ("field.n[over]=5", "invalid_parameter", "in the brackets"),
        ("field.n[gt]=5", "query_too_wide", "start_time"),
        ("format=csv&format=csv", "invalid_parameter", "format: expected once"),
    ],
)
def test_a_wrong_query_is_a_400_for_get_and_head(web: ProductProcess, query: str, code: str, words: str) -> None:
    answer = ask(web, f"?{query}")

    assert (answer.status, answer.problem["code"]) == (400, code)
    assert words in answer.problem["detail"]
    assert ask(web, f"?{query}", method="HEAD").status == 400


def test_filters_are_those_of_get_data(web: ProductProcess) -> None:
    found = lines(ask(web, "?source_id=big&field.n[gt]=10&field.n[lte]=15&order=desc").body)

    assert [event["payload"]["n"] for event in found] == [15, 14, 13, 12, 11]


def test_head_reads_no_event_and_promises_nothing(web: ProductProcess) -> None:
    began = time.monotonic()
    answer = ask(web, "?source_id=big&format=csv", method="HEAD")

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers.get_content_type() == "text/csv"
    assert answer.headers["Content-Length"] is None
    assert answer.headers["Accept-Ranges"] is None
    assert time.monotonic() - began < 1.0
    assert backends() == []


def test_server_timing_has_the_time_of_the_own_connection(module_site: Deployment, web: ProductProcess) -> None:
    with ThreadPoolExecutor(1) as threads:
        with module_site.servers.postgres.connect(module_site.name) as other, other.transaction():
            other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            asked = threads.submit(ask, web, "?source_id=small")
            module_site.wait_for(lambda: backends(waiting=True))
            other.execute("SELECT pg_sleep(0.3)")
        answer = asked.result()

    assert (answer.status, len(lines(answer.body))) == (200, 3)
    assert float(answer.headers["Server-Timing"].removeprefix("db;dur=")) > 300


def test_a_manifest_accounts_for_everything_before_it(web: ProductProcess) -> None:
    body = ask(web, "?source_id=big&end_time=2009-01-01T02:00:00Z&manifest=1").body

    whole, last = body.rstrip(b"\n").rsplit(b"\n", 1)
    whole += b"\n"
    manifest = json.loads(last)["manifest"]
    assert manifest["rows"] == len(lines(whole)) == 2 * 3600 - 1
    assert (manifest["bytes"], manifest["sha256"]) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert manifest["query"]["source_id"] == ["big"]


FORMS = ("ndjson", "csv", "parquet")


def kill_backend(_: Deployment) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dataflow-export'"
        )


def stop_postgresql(site: Deployment) -> None:
    site.servers.postgres.stop()


@pytest.mark.parametrize("end", [kill_backend, stop_postgresql])
@pytest.mark.parametrize("form", FORMS)
def test_an_export_that_fails_in_the_middle_is_cut_off(
    module_site: Deployment, web: ProductProcess, form: str, end: Any, tmp_path: Path
) -> None:
    file = tmp_path / "events"
    address = f"{web.url}{PATH}?source_id=big&format={form}"
    with subprocess.Popen(["curl", "-sS", "--limit-rate", "2M", "-o", file, address]) as curl:
        module_site.wait_for(lambda: file.exists() and file.stat().st_size > 0)
        end(module_site)
        assert curl.wait(timeout=30) == 18

    assert b"problem" not in file.read_bytes()
    if form == "parquet":
        with pytest.raises(pa.ArrowInvalid):
            parquet(file.read_bytes())


@pytest.mark.parametrize("connection_header", ["keep-alive", "close"])
def test_clients_raise_when_an_export_is_cut_off(
    module_site: Deployment, web: ProductProcess, connection_header: str
) -> None:
    address = f"{web.url}{PATH}?source_id=big"
    with httpx.stream("GET", address, headers={"Connection": connection_header}) as response:
        pieces = response.iter_raw()
        next(pieces)
        kill_backend(module_site)
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in pieces:
                pass

    request = Request(address, headers={"Connection": connection_header})
    with urlopen(request) as answer:
        answer.read(1000)
        kill_backend(module_site)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()


def test_a_client_of_http_1_0_gets_a_reset_since_an_end_would_look_whole(
    module_site: Deployment, web: ProductProcess
) -> None:
    with begun(web, "?source_id=big", version="1.0") as stream:
        kill_backend(module_site)
        with pytest.raises(ConnectionResetError):
            rest(stream)


def test_an_export_of_http_1_0_ends_with_its_connection(web: ProductProcess) -> None:
    with begun(web, "?source_id=big&end_time=2009-01-01T01:00:00Z", version="1.0") as stream:
        assert rest(stream).endswith(b"}\n")


def test_a_slow_reader_costs_no_memory_and_frees_everything_when_it_goes(
    module_site: Deployment, web: ProductProcess
) -> None:
    process = psutil.Process(web.pid)
    pace = threading.Event()
    for form in FORMS:
        before = process.memory_info().rss
        with begun(web, f"?source_id=big&format={form}") as stream:
            for _ in range(10):
                stream.recv(10_000)
                pace.wait(0.1)
            growth = process.memory_info().rss - before
            assert len(backends()) == 1
        module_site.wait_for(lambda: not backends(), seconds=2)

        assert growth / 1e6 < MOST_GROWTH


def test_more_exports_than_may_run_are_a_503_until_one_ends(module_site: Deployment, web: ProductProcess) -> None:
    with begun(web, "?source_id=big"), begun(web, "?source_id=big&format=csv"):
        with begun(web, "?source_id=big&format=parquet"):
            refused = ask(web, "?source_id=small")
            assert (refused.status, refused.problem["code"]) == (503, "overloaded")
            assert refused.headers["Retry-After"] == "30"
            # Other reads go on.
            with urlopen(f"{web.url}/data?source_id=small") as answer:
                assert answer.status == 200
        module_site.wait_for(lambda: ask(web, "?source_id=small").status == 200, seconds=2)


def test_a_frozen_postgresql_is_a_503_in_time(module_site: Deployment, web: ProductProcess) -> None:
    server = module_site.servers.postgres
    server.freeze()
    try:
        began = time.monotonic()
        answer = ask(web, "?source_id=big")
    finally:
        server.thaw()

    assert (answer.status, answer.problem["code"]) == (503, "store_unavailable")
    assert time.monotonic() - began < 6.0


def test_the_death_of_the_process_cuts_an_export_off(module_site: Deployment, web: ProductProcess) -> None:
    other = module_site.start_web()
    with begun(other, "?source_id=big") as stream:
        other.kill()
        assert not rest(stream).endswith(b"0\r\n\r\n")
    module_site.wait_for(lambda: not backends(), seconds=5)


def test_a_whole_export_takes_no_memory(module_site: Deployment, web: ProductProcess) -> None:
    process = psutil.Process(web.pid)
    peak = before = process.memory_info().rss
    for form in FORMS:
        with begun(web, f"?source_id=big&format={form}", more="Connection: close\r\n") as stream:
            got = io.BytesIO()
            while piece := stream.recv(1 << 20):
                got.write(piece)
                peak = max(peak, process.memory_info().rss)

    assert (peak - before) / 1e6 < MOST_GROWTH
