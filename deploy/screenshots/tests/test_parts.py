"""The parts of the screenshots' tool that need neither servers nor a browser."""

from __future__ import annotations

import itertools
import json
import random
import struct
import zlib
from collections import Counter

import pytest

from deploy.screenshots.png import _chunk, _chunks, _paeth, _rows, shrink
from deploy.screenshots.traffic import CONFLICT_EVERY, SOURCES, bodies

WIDTH = 40  # pixels


def test_a_smaller_picture_has_the_same_pixels() -> None:
    chance = random.Random(7)
    rows = [bytes(chance.choice((0, 80, 255)) for _ in range(3 * WIDTH)) for _ in range(50)]

    smaller = shrink(picture(rows))

    assert pixels(smaller) == rows
    assert len(smaller) < len(picture(rows))


def test_a_file_that_is_no_picture_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected a PNG"):
        shrink(b"GIF89a")


def test_the_traffic_has_every_source_and_few_conflicts() -> None:
    events = [json.loads(line) for body in itertools.islice(bodies(), CONFLICT_EVERY + 1) for line in body.splitlines()]

    assert {event["sourceId"] for event in events} == set(SOURCES)
    assert Counter("eventId" in event for event in events)[True] == 2


def picture(rows: list[bytes]) -> bytes:
    """Return a PNG whose rows use each of the five filters in turn."""
    above = [bytes(len(rows[0])), *rows]
    filtered = b"".join(
        bytes([number % 5]) + filtered_row(number % 5, row, above[number]) for number, row in enumerate(rows)
    )
    head = struct.pack(">IIBBBBB", WIDTH, len(rows), 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(filtered, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def filtered_row(kind: int, row: bytes, above: bytes) -> bytes:
    left, corner = bytes(3) + row[:-3], bytes(3) + above[:-3]
    guesses = {
        0: bytes(len(row)),
        1: left,
        2: above,
        3: bytes((a + b) // 2 for a, b in zip(left, above, strict=True)),
        4: bytes(map(_paeth, left, above, corner)),
    }
    return bytes((value - guess) & 255 for value, guess in zip(row, guesses[kind], strict=True))


def pixels(file: bytes) -> list[bytes]:
    return list(_rows(zlib.decompress(b"".join(body for name, body in _chunks(file) if name == b"IDAT")), WIDTH, 3))
