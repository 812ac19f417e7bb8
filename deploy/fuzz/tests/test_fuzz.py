from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_site.tests import routes
from deploy.fuzz.live_feed import send_messages
from deploy.fuzz.sender import Report, Surprise, judge, send
from deploy.fuzz.site_wires import Access, site_wires
from deploy.fuzz.wires import SEEDS, bent
from deploy.testing.deployment import Deployment
from ingestion.events.batch import BatchLimits, ParsedBatch
from ingestion.kafka import record_decoder, record_encoder
from ingestion.kafka.record_decoder import EventLine
from ingestion.problems import RequestRejected
from ingestion.receivers.http import cloudevents
from ingestion.receivers.http.body_parsers import parse_json, parse_ndjson
from ingestion.receivers.influx import line_protocol, points
from ingestion.receivers.influx.points import LineSettings
from ingestion.tests.conftest import open_receiver

SECONDS = 5.0
PACE = {"DATAFLOW_HEADER_SECONDS": "0.5", "DATAFLOW_BODY_SECONDS": "0.5"}
LIMITS = BatchLimits()
NOW = 1_800_000_000_000_000  # microseconds


def parsed(body: bytes) -> Iterator[ParsedBatch | None]:
    """What every parser makes of a body; None for a refusal."""
    for parse in (parse_json, parse_ndjson, cloudevents.parse_structured, cloudevents.parse_batch):
        try:
            yield parse(body, now=NOW, limits=LIMITS)
        except RequestRejected:
            yield None
    yield points.read(line_protocol.lines(body), LineSettings(1, NOW, LIMITS))


@given(st.binary() | st.text().map(str.encode) | st.integers(0, 10**6).map(lambda seed: next(bent(seed))))
@settings(max_examples=500, deadline=None)
def test_every_parser_refuses_any_bytes_or_makes_events_of_them_that_a_record_can_hold(body: bytes) -> None:
    for batch in parsed(body):
        events = batch.events if batch else []
        lines = record_decoder.decode(
            record_encoder.encode(events, received=NOW), record_encoder.headers(count=1), received=NOW, now=NOW
        )
        found = [(line.id, line.source, line.ts) for line in lines if isinstance(line, EventLine)]
        assert found == [(event.id, event.source, event.ts) for event in events]


@pytest.mark.services
async def test_no_bent_request_makes_the_receiver_answer_5xx_or_die(site: Deployment) -> None:
    receiver = open_receiver(site, PACE)
    report, port = Report(), int(urlsplit(receiver.url).port or 0)

    until = asyncio.get_running_loop().time() + SECONDS
    await send(bent(receiver.port), port, report, until=until, connections=16)

    assert receiver.running
    assert {202, 207, 400, 413, 415, 422} <= report.statuses.keys()
    assert "ERROR" not in receiver.log


def test_the_same_seed_bends_alike_and_seldom_leaves_a_request_as_it_was() -> None:
    once, again = list(islice(bent(7), 200)), list(islice(bent(7), 200))

    assert once == again
    assert len([wire for wire in once if wire in SEEDS]) < 20


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 500 Internal Server Error\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n<HTML>", b"garbage"],
)
def test_what_a_receiver_never_may_say_is_a_surprise(answer: bytes) -> None:
    with pytest.raises(Surprise):
        judge(b"", answer)


def test_requests_to_the_site_reach_every_address_and_leave_the_session_alone() -> None:
    access = Access("sessionid=s", "token", "key")
    wires = list(islice(site_wires(7, access), 3_000))

    assert wires == list(islice(site_wires(7, access), 3_000))
    lines = {wire.partition(b" HTTP/1.1\r\n")[0].partition(b"?")[0].decode(errors="replace") for wire in wires}
    unreached = {path for path in map(routes.fill, routes.templates()) if not {f"GET {path}", f"POST {path}"} & lines}
    assert unreached == set()
    assert {f"POST {routes.fill(path)}" for path in routes.templates() if "logout" in path} & lines == set()
    assert sum(b"sessionid=s" in wire for wire in wires) > 1_000


def test_html_is_an_answer_of_the_site_but_a_5xx_is_none() -> None:
    assert judge(b"", b"HTTP/1.1 404 Not Found\r\n\r\n<html>", pages=True) == [404]
    with pytest.raises(Surprise):
        judge(b"", b"HTTP/1.1 503 Service Unavailable\r\n\r\n<html>", pages=True)


@pytest.mark.services
async def test_no_bent_message_ends_the_live_feed(site: Deployment) -> None:
    web, report = site.start_web(), Report()

    await send_messages(web.port, 7, report, until=asyncio.get_running_loop().time() + 1.0)

    assert report.sent
    assert "ERROR" not in web.log
