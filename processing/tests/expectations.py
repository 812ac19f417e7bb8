"""What was sent, and whether the stores hold exactly that: rows, documents, rollups, ledger and letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import connections
from pymongo import MongoClient

from deploy.testing.deployment import Deployment, DidNotHappen, close_pool
from ingestion.events import timestamps
from ingestion.tests import topic
from processing.recovery.reconcile import reconcile
from processing.stores.packed import rollups as packed
from processing.stores.packed.rollups import HOURS, MINUTES
from processing.tests import group, reference_rollups
from processing.tests.reference_rollups import Rollups, Sent, Statistics

_STATISTICS = "source_id, field, start, count, sum, min, max, first, first_ts, first_id, last, last_ts, last_id"

PUBLISHED_WITHIN = 10.0  # seconds

Identity = tuple[str, str]  # source, event id
Content = tuple[int, dict[str, Any]]  # microseconds since the epoch, payload


@dataclass(slots=True)
class Expected:
    """The outcome of everything sent so far."""

    events: dict[Identity, Sent] = field(default_factory=dict)  # each once
    duplicates: Counter[str] = field(default_factory=Counter)  # by source
    letters: Counter[tuple[str, str]] = field(default_factory=Counter)  # by source and reason

    def add(self, events: Iterable[Sent]) -> None:
        """Expect events; one that was sent before is a duplicate."""
        for event in events:
            identity = (event.source, event.id)
            if self.events.setdefault(identity, event) is not event:
                self.duplicates[event.source] += 1

    def totals(self) -> dict[str, tuple[int, int, int, int]]:
        """By source: read, stored, duplicate and dead-lettered."""
        stored = Counter(source for source, _ in self.events)
        dead: Counter[str] = Counter()
        for (source, _), count in self.letters.items():
            dead[source] += count
        return {
            source: (
                stored[source] + self.duplicates[source] + dead[source],
                stored[source],
                self.duplicates[source],
                dead[source],
            )
            for source in {*stored, *self.duplicates, *dead}
        }


def timestamp(microseconds: int) -> str:
    """Write a time as a sender would."""
    return timestamps.to_text(timestamps.from_micros(microseconds))


def as_json(event: Sent) -> dict[str, object]:
    """Write an event as a sender would who gives ids."""
    return {
        "sourceId": event.source,
        "timestamp": timestamp(event.ts),
        "payload": event.payload,
        "eventId": event.id,
    }


def caught_up(site: Deployment) -> bool:
    """Whether everything in the topic has its effects."""
    done = progress(site)
    return all(done.get(partition, 0) >= end for partition, end in site.raw_ends().items())


def all_committed(site: Deployment) -> bool:
    """Whether the consumer has told Kafka that it is done with everything in the topic."""
    done = group.committed(site.name)
    return all(done.get(partition, 0) >= end for partition, end in site.raw_ends().items())


def progress(site: Deployment) -> dict[int, int]:
    """Each partition's next offset; empty while PostgreSQL is away."""
    try:
        # A topic that was created again has progress of its own, later.
        return dict(query(site, "SELECT partition, next_offset FROM progress ORDER BY topic_id"))
    except psycopg.OperationalError:
        return {}


def assert_exact(site: Deployment, expected: Expected) -> None:
    """Hold both stores, all sums and processed-data against what was sent."""
    assert_stored(site, expected.events.values())
    assert totals(site) == expected.totals()
    assert ledger(site) == expected.totals()
    assert letters(site) == expected.letters
    assert differences() == []


def assert_stored(site: Deployment, sent: Iterable[Sent]) -> None:
    """Each event is one row and one document, in the rollups once, and in processed-data."""
    events = list(sent)
    contents = {(event.source, event.id): (event.ts, event.payload) for event in events}
    assert difference(rows(site), contents) == {}
    assert difference(documents(site), contents) == {}
    for table, span in ((MINUTES, reference_rollups.MINUTE), (HOURS, reference_rollups.HOUR)):
        assert_agree(rollups(site, table), reference_rollups.rollups(events, span=span))
    assert difference(latest(site), reference_rollups.latest(events)) == {}
    # A consumer publishes what it has stored a moment later.
    with suppress(DidNotHappen):
        site.wait_for(lambda: contents.keys() <= published(site), PUBLISHED_WITHIN)
    assert contents.keys() - published(site) == set()


def difference(found: dict[Any, Any], wanted: dict[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    """What is not as wanted: (found, wanted)."""
    keys = found.keys() | wanted.keys()
    return {key: (found.get(key), wanted.get(key)) for key in keys if found.get(key) != wanted.get(key)}


def assert_agree(found: Rollups, wanted: Rollups) -> None:
    assert found.keys() == wanted.keys()
    assert {key: (found[key], one) for key, one in wanted.items() if not one.agrees(found[key])} == {}


def rows(site: Deployment) -> dict[Identity, Content]:
    found = query(site, "SELECT source_id, id, ts, payload FROM events")
    contents: dict[Identity, Content] = {
        (source, str(id_)): (_microseconds(ts), payload) for source, id_, ts, payload in found
    }
    assert len(contents) == len(found)
    return contents


def documents(site: Deployment) -> dict[Identity, Content]:
    with MongoClient[dict[str, Any]](site.servers.mongo.uri) as client:
        found: list[dict[str, Any]] = list(client[site.name]["events"].find())
    contents: dict[Identity, Content] = {
        (one["source"], str(UUID(bytes=bytes(one["_id"])[:16]))): (one["ts_us"], one["payload"]) for one in found
    }
    assert len(contents) == len(found)
    return contents


def rollups(site: Deployment, table: packed.Rollups) -> Rollups:
    return {
        (source, name, _microseconds(start)): Statistics(
            count,
            sum_,
            low,
            high,
            first,
            _microseconds(first_ts),
            str(first_id),
            last,
            _microseconds(last_ts),
            str(id_),
        )
        for source, name, start, count, sum_, low, high, first, first_ts, first_id, last, last_ts, id_ in query(
            site, f"SELECT {_STATISTICS} FROM ({table.merged()}) AS r"
        )
    }


def latest(site: Deployment) -> dict[tuple[str, str], tuple[float, int, str]]:
    found = query(site, "SELECT source_id, field, value, ts, event_id FROM latest_value")
    return {(source, name): (value, _microseconds(ts), str(id_)) for source, name, value, ts, id_ in found}


def totals(site: Deployment) -> dict[str, tuple[int, int, int, int]]:
    counted = "SELECT source_id, read, stored, duplicate, dead_lettered FROM source_statistics"
    return {source: tuple(counts) for source, *counts in query(site, counted)}


def ledger(site: Deployment) -> dict[str, tuple[int, int, int, int]]:
    summed = (
        "SELECT source_id, sum(read)::int, sum(stored)::int, sum(duplicate)::int, sum(dead_lettered)::int"
        " FROM ledger GROUP BY source_id"
    )
    return {source: tuple(counts) for source, *counts in query(site, summed)}


def letters(site: Deployment) -> Counter[tuple[str, str]]:
    return Counter(query(site, "SELECT source_id, reason FROM dead_letter"))


def capped(site: Deployment) -> set[str]:
    """Sources that have fields which are not rolled up."""
    return {source for (source,) in query(site, "SELECT source_id FROM source_statistics WHERE fields_capped")}


def published(site: Deployment) -> set[Identity]:
    return {(line["source"], line["id"]) for line in topic.events(site.processed_topic)}


def differences() -> list[reconcile.Difference]:
    """What `manage.py reconcile` finds."""
    # The pool's connections may be older than the last restart of PostgreSQL.
    connections.close_all()
    close_pool()
    return list(reconcile.run().differences)


def query(site: Deployment, text: str) -> list[tuple[Any, ...]]:
    with site.servers.postgres.connect(site.name) as connection:
        return connection.execute(text).fetchall()


def _microseconds(time: datetime) -> int:
    return timestamps.to_micros(time)
