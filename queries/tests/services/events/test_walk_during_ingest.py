"""Following cursors while two consumers store at full speed: everything stored before the first page, each event once."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.testing.deployment import Deployment
from ingestion.events import timestamps
from processing.models import Event
from processing.tests import factories
from queries.tests.stored import get, ids, walk

pytestmark = pytest.mark.services

WITHIN = 60  # seconds
LINES = 200  # of a record
FIRST = 6_000  # events before the walk


def put_without_pause(topic: str, done: threading.Event) -> int:
    """Put records of six sources at random times of the last day, until told; return how many events."""
    chance = random.Random(5)
    now = timestamps.now()
    number = 0
    while not done.is_set():
        records: list[bytes] = []
        for _ in range(5):
            lines = [
                b'{"sourceId":"s%d","timestamp":%d,"payload":{"n":%d,"number":%d}}'
                % (chance.randrange(6), now - chance.randrange(86_400_000_000), each, number + each)
                for each in range(LINES)
            ]
            number += LINES
            records.append(b"\n".join(lines))
        factories.put_all(topic, records, partition=chance.randrange(6))
    return number


@pytest.mark.parametrize(
    "address", ["/data?limit=250", "/data?limit=250&order=asc&source_id=s0&source_id=s1&source_id=s2&field.n[lt]=150"]
)
def test_a_walk_shows_everything_that_was_stored_before_it_once_and_in_order(site: Deployment, address: str) -> None:
    site.start_consumer()
    site.start_consumer()
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        putting = pool.submit(put_without_pause, site.raw_topic, done)
        try:
            site.wait_for(lambda: Event.objects.count() > FIRST, WITHIN)
            before = stored(address)
            first = get(address)
            after = stored(address)
            shown = first["results"] + walk(first["next"])
            site.wait_for(lambda: len(stored(address)) > len(after) * 1.2, WITHIN)
        finally:
            done.set()
    assert putting.result() > FIRST

    keys = [(event["timestamp"], event["sourceId"], event["eventId"]) for event in shown]
    in_order = [(datetime.fromisoformat(ts).astimezone(UTC), source, id_) for ts, source, id_ in keys]
    assert in_order == sorted(in_order, reverse="asc" not in address)
    assert len(set(keys)) == len(keys)
    assert before <= set(ids(shown)) <= after


def stored(address: str) -> set[str]:
    rows: Any = Event.objects.all()
    if "field.n" in address:
        rows = rows.filter(source_id__in=["s0", "s1", "s2"], payload__n__lt=150)
    return {str(id_) for id_ in rows.values_list("id", flat=True)}
