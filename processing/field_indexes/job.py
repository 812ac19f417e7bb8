"""The job that makes a declared index on each partition of `events`, or drops it, a partition in each chunk."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models.functions import Now

from processing.cursors import Cursor
from processing.field_indexes import partition_index
from processing.field_indexes.declaring import DROP
from processing.jobs import queue
from processing.jobs.queue import JobFailed
from processing.models import FieldIndex, Job
from processing.stores import month_partitions
from processing.stores.fields import indexes
from processing.stores.fields.definitions import Definition

WAIT = 1.0  # seconds until it looks again


def step(job: Job) -> float | None:
    """Make or drop the index of one partition; see queue.Step."""
    row = FieldIndex.objects.filter(pk=job.arguments["index"]).first()
    drops = job.arguments["action"] == DROP
    if row is None and drops:
        return None  # by the last chunk, whose worker was killed before it said so
    if row is None or row.job_id != job.pk:
        raise JobFailed("another job has taken its place")
    if _runs(job.arguments["after"]):
        return _wait(job, f"waiting until job {job.arguments['after']} has stopped")
    definition = Definition.of(row.pk, row.pattern, row.field)
    with connection.cursor() as cursor:
        return _drop_one(cursor, job, definition) if drops else _make_one(cursor, job, definition)


def _make_one(cursor: Cursor, job: Job, definition: Definition) -> float | None:
    if partition_index.is_one_being_made(cursor):
        return _wait(job, "waiting until another index is made")
    places = definition.places(cursor)
    job.total, job.done = len(places), sum(places.values())
    missing = [name for name, finished in places.items() if not finished]
    if not missing:
        return _finish_making(job, definition)
    queue.advance(job, message=f"making that of {missing[0]}")
    partition_index.make(definition, missing[0], job=job)
    return 0.0


def _finish_making(job: Job, definition: Definition) -> float | None:
    with transaction.atomic(), connection.cursor() as cursor:
        # A consumer that has this lock may not know the declaration yet; the next one does.
        cursor.execute(month_partitions.LOCK)
        mine = FieldIndex.objects.filter(pk=definition.number, job=job)
        if not all(definition.places(cursor).values()) or not mine.update(state=FieldIndex.State.READY):
            return 0.0
        queue.advance(job, message=f"{job.done:,} partitions have the index")
    indexes.forget()
    return None


def _drop_one(cursor: Cursor, job: Job, definition: Definition) -> float | None:
    left = partition_index.left(cursor, definition)
    if not left:
        return _finish_dropping(job, definition)
    [(kind, name), *_] = left
    job.total = job.done + len(left)
    queue.advance(job, message=f"dropping {name}")
    partition_index.drop(kind, name, job=job)
    queue.advance(job, done=1, message=job.message)
    return 0.0


def _finish_dropping(job: Job, definition: Definition) -> float | None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(month_partitions.LOCK)
        # What a killed worker began to make shows up only when it is under way.
        if partition_index.is_one_being_made(cursor):
            return _wait(job, "waiting until another index is made")
        if partition_index.left(cursor, definition):
            return 0.0
        FieldIndex.objects.filter(pk=definition.number, job=job).delete()
        queue.advance(job, message="dropped")
    return None


def _runs(number: int | None) -> bool:
    """Return whether a worker that lives has this job: one that is dead does nothing more."""
    if number is None:
        return False
    alive = Job.objects.filter(heartbeat__gte=Now() - queue.WORKER_TIMEOUT)
    return alive.filter(pk=number, state=Job.State.RUNNING).exists()


def _wait(job: Job, reason: str) -> float:
    queue.advance(job, message=reason)
    return WAIT
