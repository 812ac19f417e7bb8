"""The benchmark's own arithmetic: a wrong median or a lost answer would make every figure a lie."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from deploy.bench.figures import Figure, medians, milliseconds, table
from deploy.bench.load.events import array_requests, make_events, ndjson_requests
from deploy.bench.load.sender import LoadFailed, send
from ingestion.events.parser import parse_event

REQUESTS = [b"POST /ingest HTTP/1.1\r\nContent-Length: 1\r\n\r\n1"] * 50
NOW = 4_000_000_000_000_000  # microseconds; later than any event of the benchmark


def test_the_events_are_valid_different_and_of_a_typical_size() -> None:
    events = list(make_events(300, prefix="sensor"))

    assert len({parse_event(event, now=NOW).id for event in events}) == 300
    assert len({json.loads(event)["sourceId"] for event in events}) == 100
    assert all(220 <= len(event) <= 240 for event in events)


def test_requests_carry_every_event_once() -> None:
    arrays = [json.loads(body(request)) for request in array_requests(250, size=100, prefix="s")]
    lines = [body(request).splitlines() for request in ndjson_requests(250, size=100, prefix="s")]

    assert [len(array) for array in arrays] == [100, 100, 50]
    assert [len(part) for part in lines] == [100, 100, 50]


def test_the_median_is_taken_value_by_value() -> None:
    rounds = [[Figure("a", {"x": x, "y": y})] for x, y in ((1.0, 9.0), (2.0, 7.0), (3.0, 8.0))]

    assert medians(rounds) == [Figure("a", {"x": 2.0, "y": 8.0})]


def test_percentiles_are_values_that_occurred() -> None:
    ordered = [number / 1000 for number in range(1, 101)]

    assert milliseconds(ordered) == {"ms p50": 51.0, "ms p99": 100.0}


def test_the_table_names_every_value_with_its_unit() -> None:
    lines = table([Figure("end to end", {"events/s": 12_345.6, "ms p50": 1.234}, "how")]).splitlines()

    assert lines[2] == "| end to end | 12,346 events/s, p50 1.23 ms | how |"


def test_the_load_generator_counts_each_request_once(receiver: Receiver) -> None:
    answers = send(REQUESTS, port=receiver.port, connections=4)

    assert receiver.requests == 50
    assert answers.statuses == {202: 50}
    assert len(answers.latencies) == 50
    assert answers.latencies[0] > 0


def test_the_load_generator_keeps_to_a_rate(receiver: Receiver) -> None:
    answers = send(REQUESTS, port=receiver.port, connections=4, rate=200)

    # The last of 50 requests is due after 49 / 200 s; it may be later, never earlier.
    assert answers.rate <= 210


def test_a_refused_request_fails_the_measurement(receiver: Receiver) -> None:
    receiver.status = b"503 Service Unavailable"

    with pytest.raises(LoadFailed, match="503"):
        send(REQUESTS, port=receiver.port, connections=4)


def test_a_closed_connection_fails_the_measurement(receiver: Receiver) -> None:
    receiver.close_after = 10

    with pytest.raises(LoadFailed, match="closed a connection"):
        send(REQUESTS, port=receiver.port, connections=4)


class Receiver:
    """A socket that answers each request, in two pieces, and counts them."""

    def __init__(self) -> None:
        self.status = b"202 Accepted"
        self.requests = 0
        self.close_after = 1_000_000
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # Wakes the thread that waits in accept(), which close() alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A sender that gives up hangs up in the middle of an answer.
        with connection, suppress(ConnectionError):
            while self._may_answer() and connection.recv(65_536):
                with self._lock:
                    self.requests += 1
                connection.sendall(b"HTTP/1.1 " + self.status + b"\r\nContent-Le")
                connection.sendall(b"ngth: 2\r\n\r\n{}")

    def _may_answer(self) -> bool:
        return self.requests < self.close_after


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


def body(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]
