"""Events of any number of sources and fields; with nine fields they are those of the other measurements."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FIRST = (
    '"temperature":%.2f,"humidity":%.1f',
    '"pressure":%.2f,"status":"ok","unit":"celsius","site":"north-3","battery":%d,"firmware":"2.14.0","signal":%d',
)
FEW, NORMAL = 2, 9  # fields


@dataclass(frozen=True, slots=True)
class Shape:
    """How the sources send."""

    sources: int
    fields: int  # FEW, NORMAL, or more: further ones are numbers
    every: float  # seconds between two events of a source, by their own times

    @property
    def name(self) -> str:
        """Return the shape in words."""
        return f"{self.sources:,} sources, {self.fields} fields, one event each {self.every:g} s"


def make_events(count: int, shape: Shape) -> Iterator[bytes]:
    """Yield events of the sources in turn, in the order of their times, of which the last is now."""
    step = timedelta(seconds=shape.every / shape.sources)
    start = datetime.fromtimestamp(time.time(), UTC) - count * step
    for number in range(count):
        moment = (start + number * step).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        payload = _payload(number, shape.fields)
        yield f'{{"sourceId":"sensor-{number % shape.sources}","timestamp":"{moment}","payload":{{{payload}}}}}'.encode()


def _payload(number: int, fields: int) -> str:
    parts = [_FIRST[0] % (15 + number % 1_700 / 100, 30 + number % 600 / 10)]
    if fields >= NORMAL:
        parts.append(_FIRST[1] % (980 + number % 5_300 / 100, number % 101, -40 - number % 50))
    parts += [f'"channel{field}":{(number * field) % 9_973 / 10}' for field in range(NORMAL + 1, fields + 1)]
    return ",".join(parts)
