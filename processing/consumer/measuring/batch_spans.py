"""The spans of a batch: one for the whole, linked to the requests that its events came with, and one for each part."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django.conf import settings

from ingestion.kafka import record_headers
from ingestion.spans import current, part
from ingestion.spans.part import Attributes, Kind, Part
from ingestion.tracing import traceparent
from processing.events.batch import Record

MOST = 64  # parts of a batch; one that is repeated for long keeps the last ones

# By the name of the step in metrics: a name for readers, the kind of span, and the system that is called.
_PARTS: dict[str, tuple[str, Kind, str]] = {
    "decode": ("decode", "internal", ""),
    "judge": ("judge", "internal", ""),
    "claim": ("claim", "client", "postgresql"),
    "documents": ("insert events", "client", "mongodb"),
    "rows": ("copy events", "client", "postgresql"),
    "add_up": ("add up", "client", "postgresql"),
    "commit": ("commit", "client", "postgresql"),
    "publish": ("send", "producer", "kafka"),
}


class _Measured(NamedTuple):
    """A step that was done."""

    step: str
    ended: int  # nanoseconds since the epoch
    seconds: float


class Timings:
    """When the steps of one traced batch began and ended."""

    def __init__(self) -> None:
        self._began = time.time_ns()
        self._steps: deque[_Measured] = deque(maxlen=MOST)

    def note(self, step: str, seconds: float) -> None:
        """Note that a step ends now; any thread.

        :param seconds: that it took
        """
        self._steps.append(_Measured(step, time.time_ns(), seconds))

    def become_spans(self, records: Sequence[Record], *, events: int, error: str = "") -> None:
        """Make the spans of the batch, which ends now.

        :param events: that were read
        :param error: the name of what ended it
        """
        assert current.tracer is not None  # see begin()
        attributes: dict[str, str | int | tuple[int, ...]] = {
            **part.kafka("process", settings.KAFKA_TOPIC_RAW_DATA),
            "messaging.consumer.group.name": settings.DATAFLOW_CONSUMER_GROUP,
            "messaging.batch.message_count": len(records),
            "dataflow.partitions": tuple(sorted({record.partition for record in records})),
            "dataflow.events": events,
        }
        name = f"process {settings.KAFKA_TOPIC_RAW_DATA}"
        whole = Part(name, "consumer", self._began, time.time_ns(), attributes)
        parts = [_part(each) for each in self._steps if each.step in _PARTS]
        current.tracer.past(whole, parts, links=_links(records), error=error)


def begin(records: Iterable[Record]) -> Timings | None:
    """Return the timings of a batch that begins now; None: it is not traced."""
    if current.tracer is None or not current.tracer.sampler.samples(next(_traces(records), None)):
        return None
    return Timings()


def _traces(records: Iterable[Record]) -> Iterator[bytes]:
    """Yield the trace contexts of traced requests."""
    for record in records:
        for name, value in record.headers:
            if name == record_headers.TRACE and (trace := traceparent.parse(value)) and traceparent.is_sampled(trace):
                yield trace


def _links(records: Iterable[Record]) -> list[bytes]:
    """Return the distinct trace contexts of traced requests, as many as a span may have."""
    found: dict[bytes, None] = {}
    for trace in _traces(records):
        found[trace] = None
        if len(found) == traceparent.MAX_LINKS:
            break
    return list(found)


def _part(of: _Measured) -> Part:
    name, kind, system = _PARTS[of.step]
    attributes: Attributes = {}
    if system == "kafka":
        name = f"{name} {settings.KAFKA_TOPIC_PROCESSED_DATA}"
        attributes = part.kafka("send", settings.KAFKA_TOPIC_PROCESSED_DATA)
    elif system:
        attributes = {"db.system.name": system, "db.operation.name": of.step}
    return Part(name, kind, of.ended - round(of.seconds * 1e9), of.ended, attributes)
