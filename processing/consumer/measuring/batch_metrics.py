"""Shows what became of a batch, and how long it took."""

from __future__ import annotations

from ingestion.kafka import record_headers
from ingestion.tracing.traceparent import trace_id_of
from processing import metrics
from processing.consumer.measuring.step_clock import StepClock
from processing.events.batch import Batch
from processing.events.ledger_deltas import LedgerDeltas

_MICROSECOND = 1_000_000


def observe(batch: Batch, gains: LedgerDeltas, clock: StepClock) -> None:
    """Observe a batch whose effects are committed.

    :param gains: what it added to the ledger
    """
    events = batch.read.total()
    metrics.BATCH_EVENTS.observe(events)
    metrics.outcomes["stored"].inc(len(batch.stored))
    metrics.outcomes["duplicate"].inc(len(batch.duplicates))
    metrics.outcomes["dead_lettered"].inc(len(batch.letters))
    metrics.outcomes["dropped"].inc(len(batch.dropped))
    metrics.LOGIC_REVISION.set(batch.revision)
    for account, tally in batch.rule_counts.items():
        if tally.errors:
            metrics.LOGIC_ERRORS.labels(account.kind).inc(tally.errors)
    clock.observe()
    if gains:
        oldest = min(gain.first_seen for gain in gains.values())
        _observe_age(batch, max(0.0, batch.stored_at - oldest) / _MICROSECOND, events)


def _observe_age(batch: Batch, seconds: float, events: int) -> None:
    if seconds <= metrics.FRESH_SECONDS:
        metrics.fresh.inc(events)
    if batch.stored:
        trace_id = _trace_id(batch)
        metrics.OLDEST_AGE.observe(seconds, None if trace_id is None else {"trace_id": trace_id})


def _trace_id(batch: Batch) -> str | None:
    """Return the trace of one request whose events the batch has."""
    for record in batch.records:
        for trace in record_headers.traces(record.headers):
            return trace_id_of(trace)
    return None
