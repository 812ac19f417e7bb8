"""Whatever headers a record has, of ours or of other producers, they are read or passed over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.kafka import record_headers
from ingestion.kafka.record_headers import Headers

NAMES = ["dataflow-version", "dataflow-count", "v", "n", "redrive-of", "traceparent"]
VALUES = [None, b"", b"1", b"2", b"x", b"-1", b"\xff", b" 1", b"9" * 5_000, "\u0661".encode()]


@pytest.mark.parametrize(
    ("headers", "version", "count"),
    [
        ([], None, None),
        ([("dataflow-version", b"1"), ("dataflow-count", b"7")], 1, 7),
        ([("dataflow-version", b"2"), ("dataflow-count", b"7")], 2, 7),
        ([("v", b"1"), ("n", b"7")], 1, 7),
        ([("dataflow-version", b"2"), ("v", b"1"), ("n", b"7")], 2, 7),
        # Those of other producers.
        ([("v", b"1")], None, None),
        ([("v", b"2"), ("n", b"7")], None, None),
        ([("v", b"1"), ("n", None)], None, None),
        ([("v", None), ("n", b"7")], None, None),
        ([("dataflow-version", None), ("dataflow-count", None)], None, None),
        ([("dataflow-version", b"one"), ("dataflow-count", b"-1")], None, None),
        ([("dataflow-version", b"0")], None, None),
        ([("dataflow-version", b"9" * 5_000), ("dataflow-count", b"9" * 5_000)], None, None),
    ],
)
def test_only_headers_of_ours_tell_a_version_and_a_count(
    headers: Headers, version: int | None, count: int | None
) -> None:
    assert (record_headers.version(headers), record_headers.event_count(headers)) == (version, count)


@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(), st.sampled_from(VALUES) | st.none() | st.binary())))
def test_no_header_makes_reading_fail(headers: Headers) -> None:
    record_headers.version(headers)
    record_headers.event_count(headers)
    record_headers.redriven_letter(headers)
    record_headers.traces(headers)


def test_a_trace_without_a_value_is_left_out() -> None:
    assert record_headers.traces([("traceparent", None), ("traceparent", b"00-a"), ("other", b"b")]) == ["00-a"]
