"""All metrics of receivers; none is labelled by source, since the number of sources is not bounded.

The texts are the lines of docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.samples import Sample

from ingestion.probes.quick_metrics import QuickCounter, QuickHistogram
from ingestion.problems import MEANINGS, Code

Value = TypeVar("Value", Code, str)

EVENTS_ACCEPTED = QuickCounter(
    "ingestion_events_accepted", "Events that Kafka has acknowledged and whose sender got a positive answer"
)

EVENTS_REJECTED = Counter(
    "ingestion_events_rejected_total", "Events rejected one by one, by the code of the problem", ["code"]
)

REQUESTS_REFUSED = Counter(
    "ingestion_requests_refused_total",
    "Requests rejected as a whole, by the code of the problem; their events are not counted",
    ["code"],
)

REQUESTS = QuickCounter(
    "ingestion_requests",
    "Requests over HTTP that were answered, by HTTP status; a client that disconnects is not counted",
    "status",
    (202,),
)

# The acceptance objective is at 0.25 s; the largest is the longest that a receiver waits for Kafka.
REQUEST_SECONDS = QuickHistogram(
    "ingestion_request_seconds",
    "From a request's last byte to its positive answer, which follows Kafka's acknowledgement; a batch of a gRPC stream counts"
    " as a request. With exemplars of traces that callers began",
    "door",
    ("http", "influx", "grpc"),
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


TIMES_AT_ONCE = 500  # wait to be observed together, or as many as there are when somebody asks


class _Flights:
    """Requests that have begun and ended; the difference is in flight."""

    began = 0
    ended = 0


flights = _Flights()
IN_FLIGHT_REQUESTS = Gauge(
    "ingestion_requests_in_flight", "Requests that are whole, over HTTP on their way to it, and not answered yet"
)
IN_FLIGHT_REQUESTS.set_function(lambda: flights.began - flights.ended)

KEY_CACHE = QuickCounter(
    "ingestion_key_cache",
    "Keys that were looked for in the cache: `hit`, it has them; `stale`, it has them and PostgreSQL was asked again; `miss`",
    "result",
    ("hit", "miss", "stale"),
)

KEYS_CACHED = Gauge("ingestion_keys_cached", "Valid keys in the cache; at most 10,000")

BACKPRESSURE = Gauge("ingestion_backpressure", "1 while requests are refused because processing is too far behind")

FLUSH_SECONDS = Histogram(
    "ingestion_flush_seconds",
    "From sending the first record of a flush to the acknowledgement of its last one; failed flushes included",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

FLUSH_EVENTS = Histogram(
    "ingestion_flush_events",
    "Events in one flush; grows with the load, since events gather while a flush is in flight",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
)

FLUSHES_FAILED = Counter(
    "ingestion_flushes_failed_total",
    "Flushes with at least one record that Kafka did not acknowledge; the fate of its events is unknown",
)

RECORDS_SENT = Counter(
    "ingestion_records_sent_total",
    "Records sent to Kafka: `direct`, straight to a partition's leader, or `client`, by the Kafka client, which takes more CPU"
    " time and sends what failed the direct way. If `client` grows under load, the log tells why",
    ["way"],
)

IN_FLIGHT_EVENTS = Gauge("ingestion_in_flight_events", "Events that wait for Kafka; limit `DATAFLOW_IN_FLIGHT_EVENTS`")
IN_FLIGHT_BYTES = Gauge(
    "ingestion_in_flight_bytes", "Approximate memory of these events; limit `DATAFLOW_IN_FLIGHT_BYTES`"
)

# Spans that the receiver of OTLP has taken, of any process. 0 without DATAFLOW_TRACES.
SPANS_SENT = Counter("ingestion_spans_sent_total", "Spans that the receiver of OTLP has taken")

# Spans that it did not take (`receiver`), that were too many while it did not (`queue`), and requests that were to be traced
# and were past DATAFLOW_TRACES_PER_SECOND (`rate`).
SPANS_DROPPED = Counter("ingestion_spans_dropped_total", "Spans that were dropped, by reason", ["reason"])


class _Children(dict[Value, Counter]):
    """The counters of a metric by the value of its label; quicker than to look them up by text each time."""

    def __init__(self, metric: Counter) -> None:
        self._metric = metric

    def __missing__(self, value: Value) -> Counter:
        self[value] = found = self._metric.labels(str(value))
        return found


answered = REQUESTS.counts
refused = _Children[Code](REQUESTS_REFUSED)
rejected = _Children[Code](EVENTS_REJECTED)
# Those that alerts look at are there before the first one: a counter that begins at 1 does not show that it rose.
for _code, (_status, _) in MEANINGS.items():
    if _status >= 500:
        refused[_code].inc(0)
sent = _Children[str](RECORDS_SENT)


def accepted() -> int:
    """Return the number of events accepted since the process's start."""
    return EVENTS_ACCEPTED.counts[""]


def refusals() -> dict[str, int]:
    """Return the counts of rejected events plus refused requests since the process's start, by code."""
    found: dict[str, int] = {}
    for sample in (*_totals(EVENTS_REJECTED), *_totals(REQUESTS_REFUSED)):
        code = sample.labels["code"]
        found[code] = found.get(code, 0) + int(sample.value)
    return {code: count for code, count in found.items() if count}


def _totals(counter: Counter) -> Iterable[Sample]:
    return [sample for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")]
