"""Which lines of a record came with which request: what is written is read, and what anyone else wrote harms nothing."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ingestion.events.model import Event
from ingestion.kafka import record_encoder, record_headers
from ingestion.kafka.submission import Submission
from ingestion.tracing import request_marks
from ingestion.tracing.request_marks import RequestMark

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
IDS = st.from_regex(request_marks.REQUEST_ID, fullmatch=True) | st.none()


def submission(source: str, count: int, *, request_id: bytes | None = None, trace: bytes | None = None) -> Submission:
    events = [Event(f"{source}-{n}", source, n, b"{}") for n in range(count)]
    loop = asyncio.new_event_loop()
    try:
        future = loop.create_future()
    finally:
        loop.close()
    return Submission(
        events=events, received=0, size=0, deadline=0.0, acknowledged=future, trace=trace, request_id=request_id
    )


@given(st.lists(st.tuples(st.integers(1, 5), IDS, st.sampled_from([None, TRACE, OTHER]))))
def test_each_line_leads_to_its_request(sent: list[tuple[int, bytes | None, bytes | None]]) -> None:
    submissions = [submission("s", count, request_id=name, trace=trace) for count, name, trace in sent]

    records = record_encoder.pack(submissions, 1)

    expected = [(name, trace) for count, name, trace in sent for _ in range(count)]
    found = []
    for record in records:
        marks = record_headers.requests(record.headers)
        for line in range((record.value or b"").count(b"\n") + 1):
            mark = request_marks.of_line(marks, line)
            found.append((mark.request_id, mark.trace) if mark else (None, None))
    assert found == expected


def test_a_request_that_is_cut_in_two_records_is_named_in_both() -> None:
    records = record_encoder.pack([submission("s", 1_500, request_id=b"a"), submission("s", 1, trace=TRACE)], 1)

    first, second = (record_headers.requests(record.headers) for record in records)

    assert first == [RequestMark(0, 1_000, b"a", None)]
    assert second == [RequestMark(0, 500, b"a", None), RequestMark(500, 501, None, TRACE)]


def test_a_record_without_ids_has_the_two_headers_of_every_record() -> None:
    (record,) = record_encoder.pack([submission("s", 3)], 1)

    assert [name for name, _ in record.headers] == ["dataflow-version", "dataflow-count"]


def test_the_header_has_a_bounded_length_and_its_traces_are_all_there() -> None:
    traces = [b"00-%032x-%016x-01" % (n, n) for n in range(1, 1_001)]

    (record,) = record_encoder.pack([submission("s", 1, request_id=b"x" * 128, trace=trace) for trace in traces], 1)

    header = dict(record.headers)[record_headers.REQUESTS] or b""
    assert request_marks.MOST - 200 < len(header) <= request_marks.MOST
    assert record_headers.requests(record.headers)[200].trace == traces[200]
    assert len(record_headers.traces(record.headers)) == 1_000


@given(st.binary(max_size=200) | st.from_regex(rb"([0-9]{1,7} [0-9]{1,2} [0-9-]( .*)?\n?)*", fullmatch=True))
def test_what_anyone_else_wrote_raises_nothing(value: bytes) -> None:
    headers = [(record_headers.TRACE, b"\xff"), (record_headers.TRACE, None), (record_headers.REQUESTS, value)]

    for mark in record_headers.requests(headers):
        assert mark.trace is None
        assert mark.request_id is None or request_marks.REQUEST_ID.fullmatch(mark.request_id)
        mark.document()


def test_another_producers_record_has_one_trace_for_all_its_lines() -> None:
    marks = record_headers.requests([("content-type", b"x"), (record_headers.TRACE, TRACE)])

    assert [request_marks.of_line(marks, line).trace for line in (0, 999)] == [TRACE, TRACE]  # type: ignore[union-attr]
    assert record_headers.requests([(record_headers.TRACE, b"bad")]) == []
