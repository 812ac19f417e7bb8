"""Held partitions: which sources wait behind each, and whose dead letters held it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypedDict

from django.db.models import Count

from ingestion.auth.read_scope import ReadScope
from processing.ledger import waiting_sources
from processing.ledger.waiting_sources import WaitingSources
from processing.models import DeadLetter, Hold
from processing.partitions import outcome_window, paused
from queries.pipeline import snapshot
from queries.reads import cache, postgres
from queries.request.times import format_time

KEPT_FOR = 30.0  # seconds that an answer about waiting records is used: looking into them takes a second
MAX_LETTERS = outcome_window.MOST_IN_A_ROW  # the last ones before the hold: those that the circuit breaker counted
MAX_SOURCES = 50  # named
# The letters of the batch that trips the breaker are stored in its transaction, and so is the hold.
_SLACK = timedelta(seconds=5)


class WaitingSource(TypedDict):
    """A source with events in a held partition; `sourceId` is null for lines whose source can't be read."""

    sourceId: str | None
    events: int  # seen so far


class Waits(TypedDict):
    """Who waits behind a held partition."""

    sources: list[WaitingSource]  # those with most events first
    more: int  # further sources
    whole: bool  # all waiting records were looked into; else there may be more sources, and more events


class Failures(TypedDict):
    """Dead letters of one source and reason that were counted before the partition was held."""

    sourceId: str | None
    code: str
    fingerprint: str
    letters: int


class HeldPartition(TypedDict):
    """A partition that consumers do not read."""

    topic: str
    partition: int
    kind: str
    since: str
    reason: str
    remedy: str
    failures: list[Failures]


def read(*, scope: ReadScope) -> list[HeldPartition]:
    """Return the held partitions; a reader of some sources gets none.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    if not scope.whole:
        return []
    with postgres.bounded():
        return [_held(row, scope) for row in paused.paused_now()]


def _held(row: Hold, scope: ReadScope) -> HeldPartition:
    return {
        "topic": row.topic.name,
        "partition": row.partition,
        "kind": row.kind,
        "since": format_time(row.since),
        "reason": row.reason,
        "remedy": paused.remedy(row.kind, row.topic.name, row.partition),
        "failures": _failures(row, scope) if row.kind == Hold.Kind.BREAKER else [],
    }


def _failures(row: Hold, scope: ReadScope) -> list[Failures]:
    rows = DeadLetter.objects.filter(topic=row.topic_id, partition=row.partition, **scope.lookup())
    last = rows.filter(first_seen__lte=row.since + _SLACK).order_by("-offset", "-line").values("pk")[:MAX_LETTERS]
    groups = DeadLetter.objects.filter(pk__in=list(last.values_list("pk", flat=True)))
    counted = groups.values_list("source_id", "reason", "fingerprint").annotate(count=Count("pk")).order_by("-count")
    return [
        {"sourceId": source or None, "code": code, "fingerprint": fingerprint, "letters": count}
        for source, code, fingerprint, count in counted[:MAX_SOURCES]
    ]


def waiting(partition: int, *, scope: ReadScope, now: datetime) -> Waits | None:
    """Return which sources wait in a partition, by its records. Takes up to some seconds, so the answer is kept.

    :return: None: Kafka does not answer, or the reader may see some sources
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    lags = snapshot.read(now, scope=scope, max_sources=0).known if scope.whole else None
    lag = next((each for each in lags or () if each.partition == partition), None)
    if lag is None:
        return None
    if not lag.records:
        # Not kept: the next record begins at the same offset.
        return _shape(WaitingSources())
    start, end = lag.span
    # The end moves on all the time; who waits changes seldom.
    name = cache.name_of(f"waiting.{partition}.{start}", scope)
    kept = cache.get(name, shape=Waits)
    if kept is not None:
        return kept
    found = waiting_sources.read(partition, start, end)
    if found is None:
        return None
    waits = _shape(found)
    cache.put(name, waits, seconds=KEPT_FOR)
    return waits


def _shape(found: WaitingSources) -> Waits:
    most = found.events.most_common(MAX_SOURCES)
    return {
        "sources": [{"sourceId": source or None, "events": events} for source, events in most],
        "more": len(found.events) - len(most),
        "whole": found.whole,
    }
