"""How many events a record holds, by its header and lines, without decoding it."""

from __future__ import annotations

import pytest

from ingestion.kafka import record_decoder, record_encoder
from ingestion.kafka.record_decoder import event_bounds
from ingestion.kafka.record_headers import COUNT, VERSION, Headers

OURS = b'{"id":1}\n{"id":2}\n{"id":3}'
PLAIN = b'{\n"sourceId": "x"\n}\n'


def marked(count: bytes | None, *, version: bytes | None = b"1") -> Headers:
    return [(VERSION, version), (COUNT, count)]


@pytest.mark.parametrize(
    ("value", "headers", "bounds"),
    [
        (OURS, record_encoder.headers(count=3), (3, 3)),
        (OURS, [("v", b"1"), ("n", b"3")], (3, 3)),
        # One event on three lines, or three: nobody knows before it is decoded.
        (PLAIN, [], (1, 3)),
        (b'{"sourceId": "x"}\n', [], (1, 1)),
        (None, [], (1, 1)),
        (b" \n ", marked(b"2"), (1, 1)),
        # What can't be so is not believed.
        *[(OURS, marked(count), (3, 3)) for count in (None, b"", b"0", b"-3", b"3.0", b"many", b"9" * 5000, b"2000")],
        (PLAIN, marked(b"4", version=None), (1, 3)),
        (PLAIN, [("n", b"4")], (1, 3)),
        # A newer release may pack events in another way.
        (b"packed", marked(b"70", version=b"2"), (70, 70)),
        (b"packed", marked(None, version=b"2"), (1, 1)),
    ],
)
def test_bounds_are_as_narrow_as_what_is_known(value: bytes | None, headers: Headers, bounds: tuple[int, int]) -> None:
    assert event_bounds(value, headers) == bounds


@pytest.mark.parametrize("value", [OURS, PLAIN, b"", b"[]", b"x\n\ny\n", b"\n"])
@pytest.mark.parametrize(
    "headers", [[], [("n", b"3")], *[record_encoder.headers(count=count) for count in (1, 2, 3, 4)]]
)
def test_what_is_decoded_lies_within_the_bounds(value: bytes, headers: Headers) -> None:
    fewest, most = event_bounds(value, headers)

    assert fewest <= len(record_decoder.decode(value, headers, received=0, now=0)) <= most
