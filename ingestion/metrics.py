"""All metrics of ingest processes; none is labelled by source, since the number of sources is not bounded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.samples import Sample

from ingestion.problems import Code

Value = TypeVar("Value", int, Code, str)

# Events that Kafka has acknowledged, and whose sender got that response.
EVENTS_ACCEPTED = Counter("ingestion_events_accepted_total", "Events acknowledged by Kafka")

# Events that were rejected one by one, by the reason code of ingestion.problems.
EVENTS_REJECTED = Counter("ingestion_events_rejected_total", "Events refused, by reason", ["code"])

# Requests that were refused as a whole, by the same codes. Their events are not counted.
REQUESTS_REFUSED = Counter("ingestion_requests_refused_total", "Requests refused as a whole, by reason", ["code"])

# Requests to POST /ingest that were answered, by HTTP status. Requests whose client disconnected are not counted.
REQUESTS = Counter("ingestion_requests_total", "Requests answered, by HTTP status", ["status"])

# From sending the first record of a flush to the acknowledgement of its last one; includes failed flushes.
FLUSH_SECONDS = Histogram(
    "ingestion_flush_seconds",
    "Time Kafka took for one flush",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

# Grows with the load: events that arrive during one flush make up the next.
FLUSH_EVENTS = Histogram(
    "ingestion_flush_events", "Events in one flush", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
)

# Flushes with at least one record that was not acknowledged; its events may or may not be in Kafka.
FLUSHES_FAILED = Counter("ingestion_flushes_failed_total", "Flushes that Kafka did not acknowledge in time")

# Records by the way that they went; those that went both ways count twice.
RECORDS_SENT = Counter("ingestion_records_sent_total", "Records sent, straight to a leader or by the client", ["way"])

# What waits for Kafka; the limits are DATAFLOW_IN_FLIGHT_EVENTS and DATAFLOW_IN_FLIGHT_BYTES.
IN_FLIGHT_EVENTS = Gauge("ingestion_in_flight_events", "Events waiting for Kafka's acknowledgement")
IN_FLIGHT_BYTES = Gauge("ingestion_in_flight_bytes", "Approximate memory of the events that wait for Kafka")


class _Children(dict[Value, Counter]):
    """The counters of a metric by the value of its label; quicker than to look them up by text each time."""

    def __init__(self, metric: Counter) -> None:
        self._metric = metric

    def __missing__(self, value: Value) -> Counter:
        self[value] = found = self._metric.labels(str(value))
        return found


answered = _Children[int](REQUESTS)
refused = _Children[Code](REQUESTS_REFUSED)
rejected = _Children[Code](EVENTS_REJECTED)
sent = _Children[str](RECORDS_SENT)


def accepted() -> int:
    """Return the number of events accepted since the process's start."""
    return sum(int(sample.value) for sample in _totals(EVENTS_ACCEPTED))


def refusals() -> dict[str, int]:
    """Return the counts of rejected events plus refused requests since the process's start, by code."""
    found: dict[str, int] = {}
    for sample in (*_totals(EVENTS_REJECTED), *_totals(REQUESTS_REFUSED)):
        code = sample.labels["code"]
        found[code] = found.get(code, 0) + int(sample.value)
    return {code: count for code, count in found.items() if count}


def _totals(counter: Counter) -> Iterable[Sample]:
    return [sample for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")]
