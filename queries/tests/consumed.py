"""Events that go through Kafka and a real consumer, with their rollups and documents."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from django.conf import settings
from django.db import connection

from processing.tests import factories
from processing.tests.consumer_thread import running_loop

PER_RECORD = 500
SECONDS = 60.0


def consume(lines: Sequence[bytes]) -> None:
    """Put events as senders write them into the topic, and wait until all are stored."""
    events = [json.loads(line) for line in lines]
    for begin in range(0, len(events), PER_RECORD):
        factories.put_events(settings.KAFKA_TOPIC_RAW_DATA, *events[begin : begin + PER_RECORD])
    wanted = _stored() + len(set(lines))
    with running_loop():
        deadline = time.monotonic() + SECONDS
        while _stored() < wanted:
            assert time.monotonic() < deadline, "the consumer is too slow"
            time.sleep(0.05)


def _stored() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events")
        [count] = cursor.fetchone() or [0]
    return int(count)
