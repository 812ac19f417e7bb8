"""Probes are answered while hundreds of clients are silent or slow."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from pytest_django import Settings

from deploy.local import ports
from ingestion.probes import health_server, process_probe

SILENT = 400


@pytest.fixture
def port() -> int:
    number = ports.free_port()
    serve(number, "ready")
    return number


def serve(port: int, status: str) -> None:
    report = {"status": status, "dependencies": {"kafka": "up"}}
    process_probe.serve(lambda: report, host=ports.HOST, port=port)


def ask(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    asked.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = asked.getresponse()
    body = answer.read()
    asked.close()
    return answer.status, body


@contextmanager
def silent_clients(port: int, *, count: int, said: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 5)) for _ in range(count)]
        for client in opened:
            client.sendall(said)
        yield opened


@pytest.mark.parametrize("said", [b"", b"GET /metrics HTTP/1.1\r\nHost: local"])
def test_hundreds_of_silent_connections_hold_up_no_probe(port: int, said: bytes) -> None:
    with silent_clients(port, count=SILENT, said=said):
        began = time.monotonic()
        statuses = [ask(port, path)[0] for path in ("/healthz", "/readyz", "/metrics") * 3]

    assert statuses == [200] * 9
    assert time.monotonic() - began < health_server.REQUEST_SECONDS


def test_silent_connections_are_closed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_server, "REQUEST_SECONDS", 0.2)

    with silent_clients(port, count=5, said=b"GET /") as opened:
        for client in opened:
            client.settimeout(5)
            with pytest.raises((ConnectionError, EOFError)):
                raise EOFError(client.recv(1))


def test_what_is_no_request_ends_its_connection_alone(port: int) -> None:
    for wrong in (b"\r\n\r\n", b"x" * 100_000 + b"\r\n\r\n", b"GET\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(wrong)
            try:
                assert client.recv(100) == b""
            except ConnectionError:
                continue

    assert ask(port, "/healthz")[0] == 200


def test_strangers_see_whether_it_is_ready_and_nothing_else(port: int, settings: Settings) -> None:
    settings.DATAFLOW_METRICS_FROM = ["203.0.113.0/24"]
    settings.DATAFLOW_METRICS_KEY = "k" * 32

    assert ask(port, "/healthz")[0] == 200
    assert ask(port, "/readyz") == (200, b'{"status": "ready"}')
    assert ask(port, "/metrics")[0] == 403
    assert ask(port, "/metrics", Authorization="Bearer wrong")[0] == 403
    status, text = ask(port, "/metrics", Authorization=f"Bearer {'k' * 32}")
    assert (status, b"# HELP" in text) == (200, True)


@pytest.mark.parametrize(("status", "code"), [("ready", 200), ("degraded", 200), ("waiting", 503)])
def test_a_process_is_ready_while_it_can_work(status: str, code: int) -> None:
    port = ports.free_port()
    serve(port, status)

    assert ask(port, "/readyz")[0] == code


def test_metrics_come_in_the_format_that_is_asked_for(port: int) -> None:
    _, classic = ask(port, "/metrics")
    _, open_metrics = ask(port, "/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")

    assert not classic.endswith(b"# EOF\n")
    assert open_metrics.endswith(b"# EOF\n")
    assert b"_created" not in classic + open_metrics


def test_a_port_that_is_taken_is_said(port: int) -> None:
    with pytest.raises(OSError, match="ddress already in use"):
        serve(port, "ready")
