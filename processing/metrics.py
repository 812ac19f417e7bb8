"""Metrics of the consumer process."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# Lines of raw-data whose effects are committed, by outcome: stored, duplicate, dead_lettered, dropped.
EVENTS = Counter("processing_events_total", "Events whose effects are committed, by outcome", ["outcome"])

# From the first record of a batch to its COMMIT, including outages.
BATCH_SECONDS = Histogram(
    "processing_batch_seconds",
    "Time to store one batch",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)

# Events stored in one transaction.
BATCH_EVENTS = Histogram(
    "processing_batch_events", "Events in one batch", buckets=(1, 10, 50, 100, 500, 1_000, 2_000, 5_000, 10_000)
)

# From receipt to COMMIT, for the oldest event of each batch; a receiver's clock ahead of this one counts as 0.
OLDEST_AGE = Histogram(
    "processing_oldest_event_age_seconds",
    "Age of a batch's oldest event when stored, since it was received",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600),
)

# Incidents by kind (processing.models.Incident); each counts when it opens.
INCIDENTS = Counter("processing_incidents_total", "Incidents opened, by kind", ["kind"])

# 1 while a store is unavailable and the current batch waits for it.
WAITING = Gauge("processing_waiting", "1 while a batch waits for a store")

# Partitions assigned to this process and held until an operator resumes them, or a consumer can read them.
HELD = Gauge("processing_held_partitions", "Partitions that this process has and that are held")
