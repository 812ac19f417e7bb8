"""The job that tries a revision on history, some seconds of it in each chunk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from django.db import connection, transaction

from processing.events.entries import Entries
from processing.jobs import queue
from processing.jobs.garbage import without_collections
from processing.jobs.heartbeat import beating
from processing.jobs.queue import JobFailed
from processing.logic.engine import Logic
from processing.logic.faults import InvalidLogic
from processing.logic.revisions import loading, rows
from processing.models import Job
from processing.stores.mongodb.document_store import LONG_WAIT, DocumentStore
from processing.stores.mongodb.stored_events import events_of
from processing.trials import report, schema_changes
from processing.trials.findings import Findings, by_day
from processing.trials.request import TrialRequest

CHUNK = 2.0  # seconds of work, so that a signal or a cancellation is not waited for
BATCH = 10_000  # events that are judged together, or so many bytes of payload
BATCH_BYTES = 4 * 1024 * 1024


class Revisions(NamedTuple):
    """Both revisions of a trial, compiled."""

    job: int
    tried: Logic
    present: Logic


class Trial:
    """The step of trials; for one thread. It compiles the revisions of a job once."""

    def __init__(self) -> None:
        self._revisions: Revisions | None = None

    def step(self, job: Job) -> float | None:
        """Judge the events of one chunk; see queue.Step. It may be killed and repeated: nothing is written but the report."""
        wanted = TrialRequest.of(job)
        with beating(job), closing(DocumentStore(patience=LONG_WAIT)) as documents:
            place = job.place or _first_place(job, wanted, documents)
            revisions = self._load(job, wanted.revision, place["present"])
            found = report.from_place(place["found"])
            with without_collections():
                after = _judge(documents, wanted, bytes.fromhex(place["after"]), found, revisions)
            if after is not None:
                job.place = {**place, "after": after.hex(), "found": report.to_place(found)}
                queue.advance(job, done=found.events - job.done, message="events judged")
                return 0.0
            schemas = schema_changes.changes(revisions.tried.content, revisions.present.content)
        self._finish(
            job, report.shape(wanted, found, tried=revisions.tried, present=revisions.present, schemas=schemas)
        )
        return None

    def _load(self, job: Job, tried: int, present: int) -> Revisions:
        if self._revisions is None or self._revisions.job != job.pk:
            try:
                with connection.cursor() as cursor:
                    self._revisions = Revisions(job.pk, *(loading.load(cursor, number) for number in (tried, present)))
            except (rows.UnknownRevision, InvalidLogic) as error:
                raise JobFailed(str(error)) from error
        return self._revisions

    def _finish(self, job: Job, found: Mapping[str, Any]) -> None:
        self._revisions = None
        job.place = {}
        with transaction.atomic():
            Job.objects.filter(pk=job.pk).update(report=found)
            message = f"{found['events']:,} events, {found['different']:,} of them otherwise than by revision {found['present']}"
            queue.advance(job, done=found["events"] - job.done, message=message)


def _first_place(job: Job, wanted: TrialRequest, documents: DocumentStore) -> dict[str, Any]:
    with connection.cursor() as cursor:
        # Noted, so that all events are compared with one revision, whichever is made current meanwhile.
        present = rows.current(cursor).number
    total = documents.count(wanted.documents())
    job.total = total if wanted.limit is None else min(total, wanted.limit)
    return {"present": present, "after": "", "found": None}


def _judge(
    documents: DocumentStore, wanted: TrialRequest, after: bytes, found: Findings, revisions: Revisions
) -> bytes | None:
    """Judge events for some seconds; return the id of the last document, or None at the end."""
    ends = time.monotonic() + CHUNK
    limit = wanted.limit or float("inf")
    for batch in _batches(documents.stream_in_order(wanted.documents(), after=after), limit - found.events):
        found.damaged += batch.damaged
        for indexes in by_day(batch.events.times):
            of_day = batch.events if len(indexes) == len(batch.events) else batch.events.select(indexes)
            found.add(of_day, tried=revisions.tried, present=revisions.present)
        if time.monotonic() >= ends and found.events < limit:
            return batch.last or None
    return None


class Batch(NamedTuple):
    """Events that are judged together, and the id of the last document."""

    events: Entries
    damaged: int
    last: bytes


def _batches(answers: Iterator[list[dict[str, Any]]], limit: float) -> Iterator[Batch]:
    """Gather MongoDB's answers, as events whose ids do not begin with their time are of all days at once."""
    parts: list[Entries] = []
    count = size = damaged = 0
    for answer in answers:
        read = events_of(answer[: int(min(limit - count, len(answer)))])
        parts.append(read.events)
        count, damaged, size = (
            count + len(read.events),
            damaged + read.damaged,
            size + sum(map(len, read.events.payloads)),
        )
        if count >= min(limit, BATCH) or size >= BATCH_BYTES:
            yield Batch(Entries.joined(parts), damaged, bytes(answer[-1]["_id"]))
            limit -= count
            parts, count, size, damaged = [], 0, 0, 0
        if limit <= 0:
            return
    if parts:
        yield Batch(Entries.joined(parts), damaged, b"")
