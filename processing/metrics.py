"""Metrics of the consumer process."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# Lines read from raw-data whose effects are committed, by what became of them: stored, duplicate, dead_lettered, dropped.
EVENTS = Counter("processing_events_total", "Events whose effects are committed, by outcome", ["outcome"])

# From the first record of a batch in hand to its COMMIT, outages included.
BATCH_SECONDS = Histogram(
    "processing_batch_seconds",
    "Time to store one batch",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)

# How many events went through the stores together.
BATCH_EVENTS = Histogram(
    "processing_batch_events", "Events in one batch", buckets=(1, 10, 50, 100, 500, 1_000, 2_000, 5_000, 10_000)
)

# From the door's clock to COMMIT, for the oldest event of each batch; a clock ahead of ours counts as 0.
OLDEST_AGE = Histogram(
    "processing_oldest_event_age_seconds",
    "Age of a batch's oldest event when stored, since it was received",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600),
)

# What an operator should know of, by kind of incident (processing.models.Incident); each counts when it opens.
INCIDENTS = Counter("processing_incidents_total", "Incidents opened, by kind", ["kind"])

# 1 while a store is away and the batch in hand waits for it.
WAITING = Gauge("processing_waiting", "1 while a batch waits for a store")

# Partitions of this process that are not read until an operator says so (the dead letter breaker).
HELD = Gauge("processing_held_partitions", "Partitions that this process has and that are held")
