"""The spans of a batch: one for the whole, linked to the requests that its events came with, and one for each part."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

from ingestion.kafka import record_headers
from ingestion.spans import current
from ingestion.tracing import traceparent
from processing.events.batch import Record

if TYPE_CHECKING:
    from ingestion.spans.tracer import Part

MOST = 64  # parts of a batch; one that is repeated for long keeps the last ones

# By the name of the step in metrics: a name for readers, the kind of span, and the system that is called.
_PARTS = {
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
    """A step that was done; nanoseconds since the epoch."""

    step: str
    began: int
    ended: int


class Timings:
    """When the steps of one batch began and ended."""

    def __init__(self) -> None:
        self._began = time.time_ns()
        self._parts: deque[_Measured] = deque(maxlen=MOST)

    def note(self, step: str, seconds: float) -> None:
        """Note that a step ends now; any thread.

        :param seconds: that it took
        """
        now = time.time_ns()
        self._parts.append(_Measured(step, now - round(seconds * 1e9), now))

    def become_spans(self, records: Sequence[Record], *, events: int, error: str = "") -> None:
        """Make the spans of the batch, which ends now, if it is traced.

        :param events: that were read
        :param error: the name of what ended it
        """
        assert current.tracer is not None  # see begin()
        links = _links(records)
        if not current.tracer.sampler.samples(links[0] if links else None):
            return
        partitions = sorted({record.partition for record in records})
        whole = current.tracer.part(
            f"process {settings.KAFKA_TOPIC_RAW_DATA}",
            "consumer",
            self._began,
            time.time_ns(),
            {
                **current.tracer.kafka("process", settings.KAFKA_TOPIC_RAW_DATA),
                "messaging.consumer.group.name": settings.DATAFLOW_CONSUMER_GROUP,
                "messaging.batch.message_count": len(records),
                "dataflow.partitions": partitions,
                "dataflow.events": events,
            },
        )
        current.tracer.past(
            whole, [_part(each) for each in self._parts if each.step in _PARTS], links=links, error=error
        )


def begin() -> Timings | None:
    """Return the timings of a batch that begins now; None: this process makes no spans."""
    return None if current.tracer is None else Timings()


def _links(records: Iterable[Record]) -> list[bytes]:
    """Return the trace contexts of traced requests, as many as a span may have."""
    found: dict[bytes, None] = {}
    for record in records:
        for name, value in record.headers:
            if name == record_headers.TRACE and (trace := traceparent.parse(value)) and traceparent.is_sampled(trace):
                found[trace] = None
                if len(found) == traceparent.MAX_LINKS:
                    return list(found)
    return list(found)


def _part(of: _Measured) -> Part:
    assert current.tracer is not None  # see begin()
    name, kind, system = _PARTS[of.step]
    attributes: dict[str, str] = {}
    if system == "kafka":
        name = f"{name} {settings.KAFKA_TOPIC_PROCESSED_DATA}"
        attributes = current.tracer.kafka("send", settings.KAFKA_TOPIC_PROCESSED_DATA)
    elif system:
        attributes = {"db.system.name": system, "db.operation.name": of.step}
    return current.tracer.part(name, kind, of.began, of.ended, attributes)
