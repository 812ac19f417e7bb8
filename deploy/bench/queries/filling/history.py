"""The events that fill the stores: readings of many sources over months, built a day at a time by the product's own code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import count, takewhile
from random import Random
from typing import NamedTuple

import msgspec

from ingestion.events.identity.content_hash import content_hashes
from ingestion.events.identity.event_ids import derived_ids
from ingestion.events.timestamps import EPOCH, MICROSECOND
from ingestion.kafka.partitioner import partition_of
from processing.events.document_ids import document_ids
from processing.events.entries import Entries

ROWS = 10_000_000
DAYS = 548  # 18 months
BUSY = 200  # sources, which send nearly all events
QUIET = 300  # sources with one event a month, so that there are 500 to ask for
QUIET_EVERY = timedelta(days=30)
PARTITIONS = 6  # as `prepare_stores` makes
FIELDS = ("temperature", "humidity", "pressure")  # the numbers of each event, beside a text

_DAY = 86_400_000_000  # microseconds
_UNDERWAY = 250_000  # microseconds from a reading to its receipt, and as much again at most
_SPREAD = 0.4  # of the time between two events of a source, by which each is late
_STATUS = (b"ok",) * 17 + (b"warm", b"cold", b"low battery")
_PAYLOAD = b'{"temperature":%.2f,"humidity":%.1f,"pressure":%.2f,"status":"%b"}'
_STAMP = b"%bT%02d:%02d:%02d.%06dZ"
_decode = msgspec.json.Decoder(dict[str, object]).decode


class Reading(NamedTuple):
    """When a source sends an event, in microseconds since the epoch."""

    ts: int
    source: str


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a source sends, in microseconds."""

    source: str
    every: int
    first: int  # after the beginning of the history


@dataclass(frozen=True)
class History:
    """Which events there are, up to a moment. The same history has the same events each time."""

    rows: int
    days: int  # the last one ends now
    now: datetime
    busy: int = BUSY
    quiet: int = QUIET

    @property
    def dates(self) -> list[date]:
        """Return the UTC days of the history, the last of which is not over."""
        last = self.now.astimezone(UTC).date()
        return [last - timedelta(days=number) for number in reversed(range(self.days + 1))]

    @property
    def sources(self) -> list[str]:
        """Return all sources, those with many events first."""
        return [rhythm.source for rhythm in self._rhythms]

    @property
    def begins(self) -> datetime:
        """Return when the first event may be."""
        return self.now - timedelta(days=self.days)

    def events(self, day: date) -> Entries:
        """Return the events of one UTC day, in the order of their times; all are received on that day."""
        random = Random(day.toordinal())  # noqa: S311 - the same each time
        readings = sorted(self._readings(day, random))
        return _entries(readings, day, random)

    @cached_property
    def _rhythms(self) -> list[Rhythm]:
        span = timedelta(days=self.days) // MICROSECOND
        quiet_every = QUIET_EVERY // MICROSECOND
        every = span * self.busy // max(1, self.rows - self.quiet * span // quiet_every)
        busy = [Rhythm(f"sensor-{n:03}", every, every * n // self.busy) for n in range(self.busy)]
        quiet = [Rhythm(f"valve-{n:03}", quiet_every, quiet_every * n // self.quiet) for n in range(self.quiet)]
        return busy + quiet

    def _readings(self, day: date, random: Random) -> Iterator[Reading]:
        begin = (self.begins - EPOCH) // MICROSECOND
        start = max(begin, _midnight(day))
        end = min((self.now - EPOCH) // MICROSECOND, _midnight(day) + _DAY)
        for rhythm in self._rhythms:
            first = begin + rhythm.first
            skipped = max(0, -((first - start) // rhythm.every))
            times = count(first + skipped * rhythm.every, rhythm.every)
            for due in takewhile(lambda due: due < end, times):
                late = int(random.random() * _SPREAD * rhythm.every)
                yield Reading(min(due + late, end - 2 * _UNDERWAY), rhythm.source)


def _midnight(day: date) -> int:
    return (datetime.combine(day, time(), UTC) - EPOCH) // MICROSECOND


def _entries(readings: list[Reading], day: date, random: Random) -> Entries:
    """Return the events as the consumer would have them, each from a record of its own."""
    times = [reading.ts for reading in readings]
    sources = [reading.source for reading in readings]
    payloads = [_payload(random) for _ in readings]
    text = day.isoformat().encode()
    contents = [
        b"\n".join((source.encode(), _stamp(text, ts), payload))
        for source, ts, payload in zip(sources, times, payloads, strict=True)
    ]
    texts = derived_ids(contents, times)
    values = list(map(_decode, payloads))
    size = len(readings)
    return Entries(
        keys=document_ids(texts, sources),
        texts=texts,
        sources=sources,
        times=times,
        received=[ts + _UNDERWAY + int(random.random() * _UNDERWAY) for ts in times],
        payloads=payloads,
        values=values,
        hashes=content_hashes(times, values),
        partitions=[partition_of(source, PARTITIONS) for source in sources],
        # One after the other in each day, and those of a day after those of the day before.
        offsets=[day.toordinal() * 10_000_000 + number for number in range(size)],
        lines=[0] * size,
        timed=[True] * size,
        attributes=[b""] * size,
        rolled=[True] * size,
        made=[None] * size,
    )


def _stamp(day: bytes, ts: int) -> bytes:
    seconds, microseconds = divmod(ts % _DAY, 1_000_000)
    minutes, second = divmod(seconds, 60)
    return _STAMP % (day, *divmod(minutes, 60), second, microseconds)


def _payload(random: Random) -> bytes:
    part = random.random
    return _PAYLOAD % (
        -5 + 35 * part(), 20 + 75 * part(), 970 + 70 * part(), _STATUS[int(part() * len(_STATUS))],
    )  # fmt: skip
