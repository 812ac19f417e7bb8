"""Administration of Kafka: its topics and volumes, what their settings promise, and the offsets of the consumer group."""

from __future__ import annotations
