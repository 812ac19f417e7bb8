"""Every metric of the doors; none is labelled by source, since sources have no bound."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# Events that Kafka has acknowledged and whose sender was told so.
EVENTS_ACCEPTED = Counter("ingestion_events_accepted_total", "Events acknowledged by Kafka")

# Events that were refused, by the reason code of ingestion.problems. A body refused as a whole counts in REQUESTS only.
EVENTS_REJECTED = Counter("ingestion_events_rejected_total", "Events refused, by reason", ["code"])

# Requests to POST /ingest that were answered, by HTTP status. A client that hung up is not counted.
REQUESTS = Counter("ingestion_requests_total", "Requests answered, by HTTP status", ["status"])

# From handing one flush to the Kafka client to the acknowledgement of its last record. Flushes that failed count too.
FLUSH_SECONDS = Histogram(
    "ingestion_flush_seconds",
    "Time Kafka took for one flush",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

# Grows by itself with the load: what gathers while one flush is in flight makes up the next.
FLUSH_EVENTS = Histogram(
    "ingestion_flush_events", "Events in one flush", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
)

# Flushes of which at least one record was not acknowledged; what became of its events is unknown.
FLUSHES_FAILED = Counter("ingestion_flushes_failed_total", "Flushes that Kafka did not acknowledge in time")

# What waits for Kafka, against the budget DATAFLOW_IN_FLIGHT_EVENTS and DATAFLOW_IN_FLIGHT_BYTES.
IN_FLIGHT_EVENTS = Gauge("ingestion_in_flight_events", "Events waiting for Kafka's acknowledgement")
IN_FLIGHT_BYTES = Gauge("ingestion_in_flight_bytes", "Approximate memory of the events that wait for Kafka")

_BY_STATUS = {status: REQUESTS.labels(str(status)) for status in (202, 207, 400, 405, 408, 413, 415, 422, 500, 503)}


def answered(status: int) -> None:
    """Count one answer."""
    _BY_STATUS[status].inc()
