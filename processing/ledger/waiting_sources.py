"""Which sources wait in a partition, by the records themselves: also those that nothing was ever read of."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from ingestion.kafka import record_decoder
from processing.errors import NeedsOperator, StoreUnavailable
from processing.kafka.topic_reader import TopicReader

MAX_SECONDS = 1.5
MAX_LINES = 20_000
_CHUNK = 500  # records at once
_PATIENCE = 1.5  # seconds without a record until Kafka counts as unavailable


@dataclass(slots=True)
class WaitingSources:
    """The waiting events by source, as far as records were looked into."""

    events: Counter[str] = field(default_factory=Counter)  # "": the source can't be read
    whole: bool = True  # all records were looked into


def read(partition: int, start: int, end: int) -> WaitingSources | None:
    """Look into the records from `start` up to `end`, the first ones if there are many; None: Kafka does not answer."""
    found, until = WaitingSources(), time.monotonic() + MAX_SECONDS
    try:
        with TopicReader(client_id="dataflow-waiting", patience=_PATIENCE) as reader:
            for chunk in reader.read({partition: (start, end)}, limit=_CHUNK):
                for record in chunk:
                    for line in record_decoder.split_lines(record.value or b""):
                        source, _ = record_decoder.peek_ids(line)
                        found.events[source or ""] += 1
                if time.monotonic() > until or found.events.total() > MAX_LINES:
                    found.whole = bool(chunk) and chunk[-1].offset + 1 >= end
                    break
    except (StoreUnavailable, NeedsOperator):
        return None
    return found
