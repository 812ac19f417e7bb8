"""The W3C trace context: strict in what is taken, and never a reason to refuse a request."""

from __future__ import annotations

import pytest

from ingestion.tracing import traceparent

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


@pytest.mark.parametrize("header", [SENT, SENT.encode()], ids=["text", "bytes"])
def test_the_trace_id_of_a_valid_header_is_found_in_text_and_in_bytes(header: bytes | str) -> None:
    assert traceparent.trace_id_of(header) == TRACE_ID
    assert traceparent.parse(header) == SENT.encode()


@pytest.mark.parametrize("rest", ["", "-what-the-future-holds"])
def test_a_later_version_counts_as_version_00_without_what_is_not_known(rest: str) -> None:
    assert traceparent.parse(f"cc{SENT[2:]}{rest}") == SENT.encode()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        SENT.upper(),
        SENT[:-1],
        SENT + "-00",  # version 00 has no more fields
        SENT + "\n",
        SENT + "\r\nX-Evil: 1",
        " " + SENT,
        "ff" + SENT[2:],
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID}-00f067aa0ba902bg-01",
        SENT.replace("-", "_"),
        SENT.replace("4", "\uff14"),  # a digit to Unicode
        f"cc{SENT[2:]}.more",
        f"cc{SENT[2:]}-" + "a" * traceparent.MOST,
    ],
)
def test_what_is_not_valid_counts_as_absent(header: bytes | str | None) -> None:
    assert traceparent.parse(header) is None
    assert traceparent.trace_id_of(header) is None
