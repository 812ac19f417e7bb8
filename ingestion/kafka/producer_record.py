"""A record as it is handed to the Kafka client."""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.kafka.record_headers import Headers


@dataclass(frozen=True, slots=True)
class ProducerRecord:
    """One record to be published, with its partition already chosen."""

    partition: int
    key: bytes | None
    value: bytes
    headers: Headers
