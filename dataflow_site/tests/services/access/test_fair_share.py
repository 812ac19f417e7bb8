"""One reader sends thousands of slow reads; the reads of another one go on as before."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from django.db import connection, transaction

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.auth import api_keys

pytestmark = pytest.mark.services

GREEDY_THREADS = 60
SECONDS = 5.0
SLOWEST = 2.0  # seconds; the pool's wait, after which the answer was a 503


class Answer(NamedTuple):
    """What a reader sees of an answer."""

    status: int
    code: str
    retry_after: str | None
    seconds: float


@pytest.fixture
def web(site: Deployment) -> ProductProcess:
    return site.start_web({"DATAFLOW_OPEN_READ": "0"})


def key(name: str) -> str:
    return api_keys.create(name, ["read"])[1]


def read(port: int, path: str, token: str) -> Answer:
    began = time.monotonic()
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    asked.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = asked.getresponse()
    body = json.loads(answer.read())
    asked.close()
    return Answer(answer.status, body.get("code", ""), answer.headers["Retry-After"], time.monotonic() - began)


@contextmanager
def slow_letters() -> Iterator[None]:
    """Every read of dead letters inside takes until its time limit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE dead_letter IN ACCESS EXCLUSIVE MODE")
        yield


def test_slow_reads_of_one_reader_leave_another_one_his(web: ProductProcess) -> None:
    greedy, modest = key("greedy"), key("modest")
    for token in (greedy, modest):
        assert read(web.port, "/data", token).status == 200
    answers: list[Answer] = []
    is_over = threading.Event()

    def ask_on() -> None:
        while not is_over.is_set():
            answers.append(read(web.port, "/api/dead-letters/", greedy))
            is_over.wait(0.02)

    threads = [threading.Thread(target=ask_on, daemon=True) for _ in range(GREEDY_THREADS)]
    with slow_letters():
        for thread in threads:
            thread.start()
        until, heard = time.monotonic() + SECONDS, []
        while time.monotonic() < until:
            heard.append(read(web.port, "/data", modest))
        is_over.set()
    for thread in threads:
        thread.join(20)

    assert {answer.status for answer in heard} == {200}
    assert len(heard) > 5
    assert max(answer.seconds for answer in heard) < SLOWEST
    refused = [answer for answer in answers if answer.status == 429]
    assert Counter((answer.code, answer.retry_after) for answer in refused).keys() == {("too_many_requests", "2")}
    assert sorted(answer.seconds for answer in refused)[len(refused) // 2] < 1.0
    assert len(refused) > GREEDY_THREADS
