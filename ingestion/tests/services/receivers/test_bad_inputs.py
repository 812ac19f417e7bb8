from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from ingestion.tests import bad_inputs
from ingestion.tests.bad_inputs import FINE, ROWS, Row
from ingestion.tests.client import call
from ingestion.tests.conftest import MakeReceiver, Receiver
from ingestion.tests.topic import kept

pytestmark = pytest.mark.services

PATIENT = 20  # seconds


def named(row: Row) -> str:
    return f"{row.group}: {row.kind}"


@pytest.fixture(scope="module")
def receiver(make_receiver: MakeReceiver) -> Iterator[Receiver]:
    """A receiver that loses patience within a second, so that the slow rows are quick."""
    opened = make_receiver({"DATAFLOW_HEADER_SECONDS": "0.7", "DATAFLOW_BODY_SECONDS": "0.7"})
    yield opened
    assert kept(opened.topic) == []


@pytest.fixture(scope="module")
def web(receiver: Receiver) -> str:
    """The address of a web process beside the receiver."""
    process = receiver.site.start_web()
    receiver.site.wait_for(lambda: call(process.url, "GET", "/healthz").status == 200, 20)
    return process.url


def exchange(url: str, wire: bytes, *, wait: float = PATIENT) -> bytes:
    """Everything that comes back until the connection ends, or until an answer is whole."""
    address = urlsplit(url)
    answer = b""
    with socket.create_connection((address.hostname, address.port), timeout=wait) as connection:
        try:
            connection.sendall(wire)
        except OSError:
            pass  # refused while we were still sending: the answer may be there all the same
        try:
            while not whole(answer) and (piece := connection.recv(65536)):
                answer += piece
        except OSError:
            pass
    return answer


def whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(found and length) and len(body) >= int(length[0].split(b":")[1])


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_wrong_input_gets_exactly_the_documented_answer(receiver: Receiver, row: Row) -> None:
    answer = exchange(receiver.url, row.wire)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == row.status, answer[:300]
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == row.code
    assert b"bad-input" not in body  # the source's name, a value that was sent


@pytest.mark.parametrize("row", [row for row in ROWS if row.framing], ids=named)
def test_broken_http_never_gets_a_2xx_behind_daphne(web: str, row: Row) -> None:
    answer = exchange(web, row.wire, wait=1.0)

    assert not answer.startswith(b"HTTP/1.1 2"), answer[:300]
    assert not answer.startswith(b"HTTP/1.1 5"), answer[:300]


@pytest.mark.parametrize(("kind", "wire"), FINE, ids=[kind for kind, _ in FINE])
def test_what_only_looks_wrong_is_taken(site_receiver: Receiver, kind: str, wire: bytes) -> None:
    answer = exchange(site_receiver.url, wire)

    assert status(answer) == 202, answer[:300]


@pytest.fixture(scope="module")
def site_receiver(make_receiver: MakeReceiver) -> Receiver:
    """A receiver of its own, since the other's topic stays empty."""
    return make_receiver({})


def test_the_page_is_made_from_the_table() -> None:
    path = settings.BASE_DIR / "docs" / "bad-input.md"

    assert path.read_text() == bad_inputs.page()
