"""Runs one batch through all steps, with retries; lines that our own steps fail on become dead letters."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from ingestion.events import timestamps
from processing.consumer import bisection, steps
from processing.consumer.bisection import Fault
from processing.consumer.measuring import batch_log
from processing.consumer.retry import Retrier
from processing.consumer.work import Attempt, Step, Stores, Work
from processing.errors import NeedsOperator, StoreUnavailable
from processing.events import decoding, skipped_lines
from processing.events.batch import WHOLE, Batch, Left, Record

logger = logging.getLogger(__name__)

# The stage that a letter names, by the step that failed; the others are about rows.
_STAGES = {"decode": "decode", "process": "process", "write_documents": "documents", "judge_identity": "documents"}


def run_batch(stores: Stores, work: Work, *, stopping: threading.Event, waiting: Callable[[str | None], None]) -> None:
    """Store and publish a batch, for as long as it takes; prepare it, if that has failed before.

    Safe to repeat: a batch delivered twice leaves the stores as one delivery would.

    :param waiting: told why the batch waits, and None when it goes on
    :raises Stopped: `stopping` was set while a store was away
    """
    error = "Stopped"
    try:
        _run_batch(stores, work, Retrier(stopping, waiting, stores.rows.forget, stores.alarm))
        error = ""
        batch_log.stored(work.batch)
    finally:
        if work.clock.timings:
            work.clock.timings.become_spans(work.batch.records, events=work.batch.read.total(), error=error)


def _run_batch(stores: Stores, work: Work, retrier: Retrier) -> None:
    alone = work.batch.records[0] if work.alone else None
    if alone:
        retrier.run(lambda: _single_step(stores, work, alone, retrier))
    retrier.run(lambda: _keep_account(stores, work), recover=lambda: _isolate_failures(stores, work, retrier))
    for step in steps.DELIVER:
        retrier.run(partial(_run_step, step, stores, work))
    if alone:
        retrier.run(lambda: stores.crashes.clear_mark(alone))
    stores.alarm.close()


def _run_step(step: Step, stores: Stores, work: Work) -> None:
    steps.run([step], stores, work)


def _keep_account(stores: Stores, work: Work) -> None:
    steps.prepare(stores, work)
    steps.store(stores, work)


def _isolate_failures(stores: Stores, work: Work, retrier: Retrier) -> None:
    """Isolate the lines that cause a bug, so that the rest of the batch can be stored.

    :raises NeedsOperator: no record fails alone
    """

    def trial(part: Batch) -> Fault | None:
        retrier.go_on("bug: looking for the events that it is due to")
        return _try(stores, Work(batch=part, topic=work.topic, trial=True))

    found = bisection.failing_lines(work.batch, trial)
    for record, line, aside in found:
        logger.error("event set aside", extra={"partition": record.partition, "offset": record.offset, "line": line})
        left = () if aside.stage == bisection.DECODE else _left_in_trial(record, line)
        work.batch.asides.setdefault(record.position, {})[line] = aside._replace(left=left)
    if len(found) == bisection.MOST:
        _cut(work, found[-1].record)
    work.attempt = Attempt()
    if not found and (fault := trial(Batch(work.batch.records, asides=work.batch.asides))):
        raise NeedsOperator(f"bug: {fault.error} in {fault.step}, and no record alone meets it; the log has more")


def _cut(work: Work, last: Record) -> None:
    """Truncate the batch after `last`; the remaining records will be polled again."""
    end = last.position
    work.held |= {record.partition for record in work.batch.records if record.position > end}
    work.batch.records = [record for record in work.batch.records if record.position <= end]


def _single_step(stores: Stores, work: Work, record: Record, retrier: Retrier) -> None:
    """Try the lines of one record, each alone and marked, so that the one that ends the process is known afterwards."""
    known = work.batch.asides.get(record.position, {})
    lines = skipped_lines.numbers(record, known)
    for line in lines:
        retrier.go_on("crashes: going on line by line")
        stores.crashes.mark_in_flight(record, line)
        left_out = skipped_lines.only([line], of=lines, known=known)
        # A bug that shows here occurs again, and is isolated then.
        _try(stores, Work(Batch([record], asides={record.position: left_out}), work.topic, trial=True))
    stores.crashes.mark_in_flight(record, WHOLE)


def _try(stores: Stores, work: Work) -> Fault | None:
    """Run all steps up to the commit, undo them, and return what failed. Documents stay, as after a kill.

    :raises StoreUnavailable: a store does not answer; start again
    :raises NeedsOperator: the same, and someone must act
    """
    try:
        steps.prepare(stores, work)
        steps.store(stores, work, undo=True)
    except (StoreUnavailable, NeedsOperator):
        raise
    except Exception as error:  # noqa: BLE001 - a bug of ours, which is looked for
        return Fault(_STAGES.get(work.step, "rows"), work.step, type(error).__name__)
    return None


def _left_in_trial(record: Record, line: int) -> tuple[Left, ...]:
    """Name the documents that a line may have left in a trial."""
    batch = Batch([record])
    decoding.decode(batch, now=timestamps.now())
    entries = [entry for entry in (*batch.entries, *batch.duplicates) if line in (WHOLE, entry.line)]
    return tuple(Left(entry.key, entry.partition, entry.offset, entry.line) for entry in entries)
