from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from ingestion.tests import bad_inputs
from ingestion.tests.bad_inputs import FINE, ROWS, Row
from ingestion.tests.conftest import MakeReceiver, Receiver
from ingestion.tests.topic import kept

pytestmark = pytest.mark.services

PATIENT = 20  # seconds
IMPATIENT = {"DATAFLOW_HEADER_SECONDS": "0.7", "DATAFLOW_BODY_SECONDS": "0.7"}


def named(row: Row) -> str:
    return f"{row.group}: {row.kind}"


@pytest.fixture(scope="module")
def receiver(make_receiver: MakeReceiver) -> Iterator[Receiver]:
    """A receiver that loses patience within a second, so that the slow rows are quick."""
    opened = make_receiver(IMPATIENT)
    yield opened
    assert kept(opened.topic) == []


@pytest.fixture(scope="module", params=["ingest", "web"])
def address(receiver: Receiver, request: pytest.FixtureRequest) -> str:
    """The address of the receiver, then of a web process beside it."""
    return receiver.url if request.param == "ingest" else receiver.site.start_web(IMPATIENT).url


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
def test_wrong_input_gets_exactly_the_documented_answer(address: str, row: Row) -> None:
    answer = exchange(address, row.wire)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == row.status, answer[:300]
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == row.code
    assert b"bad-input" not in body  # the source's name, a value that was sent


@pytest.mark.parametrize(("kind", "wire"), FINE, ids=[kind for kind, _ in FINE])
def test_what_only_looks_wrong_is_taken(taking_address: str, kind: str, wire: bytes) -> None:
    answer = exchange(taking_address, wire)

    assert status(answer) == 202, answer[:300]


@pytest.fixture(scope="module")
def taking_receiver(make_receiver: MakeReceiver) -> Receiver:
    """A receiver of its own, since the other's topic stays empty."""
    return make_receiver({})


@pytest.fixture(scope="module", params=["ingest", "web"])
def taking_address(taking_receiver: Receiver, request: pytest.FixtureRequest) -> str:
    """The address of that receiver, then of a web process beside it."""
    return taking_receiver.url if request.param == "ingest" else taking_receiver.site.start_web().url


def test_the_page_is_made_from_the_table() -> None:
    path = settings.BASE_DIR / "docs" / "bad-input.md"

    assert path.read_text() == bad_inputs.page()
