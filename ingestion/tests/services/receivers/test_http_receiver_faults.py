from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from urllib.parse import urlsplit

import pytest

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.tests.client import Reply, call, event, numbered, post, request_bytes
from ingestion.tests.conftest import open_receiver
from ingestion.tests.topic import events, ids, kept

# http.client leaves a response open whose connection was cut, and the Kafka client a socket whose broker was away.
pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def frozen_kafka(site: Deployment) -> Iterator[None]:
    site.servers.kafka.freeze()
    try:
        yield
    finally:
        site.servers.kafka.thaw()


@contextmanager
def senders(count: int) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(count) as pool:
        yield pool


def in_flight(receiver: ProductProcess) -> int:
    lines = call(receiver.url, "GET", "/metrics").body.decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("ingestion_in_flight_events "))))


def accepts(receiver: ProductProcess) -> bool:
    return post(receiver.url, event("probe")).status == 202


def test_requests_that_wait_for_kafka_share_records_in_their_order(site: Deployment) -> None:
    receiver = open_receiver(site)

    parts = [numbered(50, "together")[start : start + 10] for start in range(0, 50, 10)]
    with senders(5) as pool:
        waiting: list[Future[Reply]] = []
        with frozen_kafka(site):
            for part in parts:
                waiting.append(pool.submit(post, receiver.url, part))
                site.wait_for(lambda: in_flight(receiver) == 10 * len(waiting), 2)
        assert {reply.result().status for reply in waiting} == {202}

    records = [record for record in kept(site.raw_topic) if record.key == b"together"]
    assert [line["payload"]["n"] for record in records for line in record.lines] == list(range(50))
    assert [len(record.lines) for record in records] == [10, 40]


@pytest.mark.alone
def test_a_full_budget_is_a_503_that_takes_nothing(site: Deployment) -> None:
    receiver = open_receiver(site, {"DATAFLOW_IN_FLIGHT_EVENTS": "10", "DATAFLOW_MAX_BATCH_EVENTS": "10"})

    with senders(1) as pool:
        with frozen_kafka(site):
            first = pool.submit(post, receiver.url, numbered(10, "first"))
            site.wait_for(lambda: in_flight(receiver) == 10, 2)
            began = time.monotonic()
            second = post(receiver.url, event("second"))
            took = time.monotonic() - began
        assert first.result().status == 202

    assert (second.status, second.code) == (503, "overloaded")
    assert second.headers["retry-after"] == "1"
    assert took < 1
    assert {line["source"] for line in events(site.raw_topic)} == {"first"}


@pytest.mark.alone
def test_the_deadline_bounds_a_request_whatever_it_waits_for(site: Deployment) -> None:
    receiver = open_receiver(site, {"DATAFLOW_PUBLISH_DEADLINE_SECONDS": "1", "DATAFLOW_BODY_SECONDS": "1"})

    address = urlsplit(receiver.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request_bytes(event("slow"))[:-5])
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
    with frozen_kafka(site):
        began = time.monotonic()
        reply = post(receiver.url, event("late"))
        took = time.monotonic() - began

    assert (reply.status, reply.code) == (503, "broker_unavailable")
    assert "may still arrive" in reply.json["detail"]
    assert 0.9 < took < 2


@pytest.mark.faults
def test_while_kafka_does_not_answer_one_request_is_the_probe_and_nobody_else_waits(site: Deployment) -> None:
    receiver = open_receiver(site)

    def took(number: int) -> tuple[float, str]:
        began = time.monotonic()
        reply = post(receiver.url, event(f"probe-{number}"))
        return time.monotonic() - began, reply.code

    with senders(20) as pool, frozen_kafka(site):
        first, _ = took(0)
        later = list(pool.map(took, range(1, 21)))

    assert first > 3
    assert {code for _, code in later} == {"broker_unavailable"}
    assert len([seconds for seconds, _ in later if seconds > 1]) <= 1
    site.wait_for(lambda: accepts(receiver), 10)


def freeze_and_recover(site: Deployment, seconds: float) -> None:
    """Freeze Kafka under load; the same process has to accept again within 10 s, with nothing acknowledged lost."""
    receiver = open_receiver(site)
    acknowledged: list[str] = []
    refused: list[Reply] = []
    ended = threading.Event()

    def keep_sending(source: str) -> None:
        number = 0
        while not ended.is_set():
            reply = post(receiver.url, event(source, payload={"n": (number := number + 1)}))
            if reply.status == 202:
                acknowledged.append(reply.json["eventId"])
            else:
                refused.append(reply)

    with senders(8) as pool:
        for number in range(8):
            pool.submit(keep_sending, f"frozen-{number}")
        try:
            site.wait_for(lambda: len(acknowledged) > 50, 10)
            with frozen_kafka(site):
                # The length of the fault itself, not a wait for something.
                time.sleep(seconds)
                before = len(acknowledged)
            site.wait_for(lambda: len(acknowledged) > before + 50, 10)
        finally:
            ended.set()

    assert {(reply.status, reply.code) for reply in refused} == {(503, "broker_unavailable")}
    assert set(acknowledged) <= ids(site.raw_topic)
    assert receiver.running


@pytest.mark.faults
def test_the_receiver_accepts_again_after_kafka_was_frozen_past_every_timeout(site: Deployment) -> None:
    freeze_and_recover(site, 12)


@pytest.mark.faults
def test_the_receiver_accepts_again_after_kafka_was_frozen_for_half_a_minute(site: Deployment) -> None:
    freeze_and_recover(site, 30)


@pytest.mark.faults
def test_the_receiver_starts_without_kafka_and_opens_when_it_comes(site: Deployment) -> None:
    site.servers.kafka.stop()
    receiver = site.start_ingest()
    site.wait_for(lambda: "Kafka does not answer, events are refused" in receiver.log, 10)

    began = time.monotonic()
    reply = post(receiver.url, event("away"))
    assert time.monotonic() - began < 1
    assert (reply.status, reply.code) == (503, "broker_unavailable")
    assert reply.headers["retry-after"] == "1"
    assert call(receiver.url, "GET", "/healthz").status == 200
    unready = call(receiver.url, "GET", "/readyz")
    assert (unready.status, unready.json["dependencies"]["kafka"]["state"]) == (503, "down")

    site.servers.kafka.start()
    site.wait_for(lambda: accepts(receiver), 10)
    assert call(receiver.url, "GET", "/readyz").status == 200


@pytest.mark.faults
def test_the_receiver_is_open_again_after_kafka_was_restarted(site: Deployment) -> None:
    receiver = open_receiver(site)

    site.servers.kafka.stop()
    assert post(receiver.url, event("down")).code == "broker_unavailable"
    site.servers.kafka.start()

    site.wait_for(lambda: accepts(receiver), 10)


def test_a_frozen_kafka_makes_the_receiver_unready_but_not_dead(site: Deployment) -> None:
    receiver = open_receiver(site)

    with frozen_kafka(site):
        assert call(receiver.url, "GET", "/readyz").status == 503
        assert call(receiver.url, "GET", "/healthz").status == 200

    site.wait_for(lambda: call(receiver.url, "GET", "/readyz").status == 200, 10)


def test_a_killed_receiver_loses_nothing_that_it_acknowledged(site: Deployment) -> None:
    receiver = open_receiver(site)
    acknowledged: list[str] = []

    def send_until_it_dies(source: str) -> None:
        number = 0
        while True:
            number += 1
            try:
                reply = post(receiver.url, event(source, payload={"n": number}))
            except (OSError, HTTPException):
                return
            acknowledged.append(reply.json["eventId"])

    with senders(16) as pool:
        for number in range(16):
            pool.submit(send_until_it_dies, f"killed-{number}")
        site.wait_for(lambda: len(acknowledged) > 300, 20)
        receiver.kill()

    assert set(acknowledged) <= ids(site.raw_topic)


def test_sigterm_finishes_what_is_in_flight(site: Deployment) -> None:
    receiver = open_receiver(site)

    with senders(1) as pool:
        with frozen_kafka(site):
            last = pool.submit(post, receiver.url, event("last"))
            site.wait_for(lambda: in_flight(receiver) == 1, 2)
            receiver.ask_to_stop()
        assert last.result().status == 202
    site.wait_for(lambda: not receiver.running, 10)

    assert last.result().json["eventId"] in ids(site.raw_topic)


def test_the_web_process_has_the_same_receiver(site: Deployment) -> None:
    web = site.start_web()

    reply = post(web.url, event("one-port"))

    assert reply.status == 202
    assert ids(site.raw_topic) == {reply.json["eventId"]}
    assert call(web.url, "GET", "/ingest").code == "method_not_allowed"
