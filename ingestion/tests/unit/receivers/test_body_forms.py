"""What forms of bodies are told apart by their heads, and what is said where the head is wrong."""

from __future__ import annotations

from contextvars import copy_context

import pytest

from ingestion.events.batch import BatchLimits
from ingestion.http.bodies.gzip_reader import is_gzip
from ingestion.problems import RequestRejected
from ingestion.receivers.http import body_parsers, responses

LIMITS = BatchLimits()
NOW = 1_800_000_000_000_000  # microseconds
LINE = b'{"sourceId":"a","timestamp":1,"payload":{}}'


@pytest.mark.parametrize(
    ("encoding", "gzip"),
    [
        (b"", False),
        (b"identity", False),
        (b"gzip", True),
        (b"X-GZIP", True),
        (b"gzip, identity", True),
        (b"identity,gzip", True),
        (b"identity, identity", False),
    ],
)
def test_a_list_of_codings_is_read_as_one(encoding: bytes, gzip: bool) -> None:
    assert is_gzip(encoding) == gzip


@pytest.mark.parametrize("encoding", [b"br", b"gzip, br", b"gzip, gzip", b"deflate"])
def test_other_codings_are_refused(encoding: bytes) -> None:
    with pytest.raises(RequestRejected) as refused:
        is_gzip(encoding)

    assert refused.value.code == "unsupported_encoding"


@pytest.mark.parametrize("body", [LINE + b"\n" + LINE, LINE + b"\r\n" + LINE + b"\n", LINE + b'\n{"a":1}\n{'])
def test_lines_of_json_under_application_json_are_told_their_content_type(body: bytes) -> None:
    with pytest.raises(RequestRejected) as refused:
        body_parsers.parse_json(body, now=NOW, limits=LIMITS)

    assert refused.value.code == "not_json"
    assert "Content-Type: application/x-ndjson" in refused.value.detail


@pytest.mark.parametrize("body", [LINE[:-1], LINE + b"x", b"{\n}{", LINE + b"\nx", b"{", b'{"\xd4":1}}', b"{" * 5_000])
def test_other_bad_json_is_not_taken_for_lines(body: bytes) -> None:
    with pytest.raises(RequestRejected) as refused:
        body_parsers.parse_json(body, now=NOW, limits=LIMITS)

    assert "ndjson" not in refused.value.detail


@pytest.mark.parametrize("body", [b"null", b"7", b'"text"', b"true"])
def test_a_scalar_is_refused_as_an_event_is(body: bytes) -> None:
    batch = body_parsers.parse_json(body, now=NOW, limits=LIMITS)

    # An answer sets the request's id, which is nobody else's.
    reply = copy_context().run(responses.rejected, batch.rejected[0])
    assert (reply.status, batch.single) == (422, True)
    assert b'"errors":[{"pointer":"","code":"not_an_event","detail":"expected an object, or an array of objects"}]' in (
        reply.body
    )
