"""A queue of long operations in a table: run chunk by chunk, cancelled, and resumed after a kill.

Times are PostgreSQL's, so that workers with different clocks agree on which worker is dead.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import Func, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from processing import metrics
from processing.errors import POSTGRESQL_AWAY, NeedsOperator, StoreUnavailable
from processing.jobs import job_log, job_spans
from processing.models import Job

logger = logging.getLogger(__name__)

State = Job.State
# A running job without a heartbeat for this long goes to another worker. A chunk must end, or call `beat`, well within.
WORKER_TIMEOUT = timedelta(seconds=30)
MIN_BACKOFF, MAX_BACKOFF = 0.5, 5.0  # seconds between retries while a store is unavailable; below WORKER_TIMEOUT

# The member of a job's `place` with a chunk that takes effect outside of PostgreSQL: a job is cancelled only without one.
CURRENT_CHUNK = "sending"

# Processes one chunk of a job, and commits `advance` in one transaction with the chunk's effects. Returns the seconds to
# wait before the next chunk, or None at the end. Raises StoreUnavailable or NeedsOperator to be called again later.
Step = Callable[[Job], float | None]
Report = Callable[[Job], None]

_STORE_ERRORS = (StoreUnavailable, NeedsOperator)


class JobLost(Exception):
    """Another worker has the job now. The catcher rolls back and leaves the job alone."""


class JobFailed(Exception):
    """Raised by a step that can't go on: the job ends as failed, and the text says why, for an operator."""


class JobNotFound(Exception):
    """There is no job with this number."""


def enqueue(kind: str, arguments: Mapping[str, Any], *, who: str, worker: str = "") -> Job:
    """Create a job for `manage.py run_jobs`, or for `worker`, which must `run` it at once."""
    job = Job(kind=kind, arguments=dict(arguments), who=who, created_at=Now())
    if worker:
        job.state, job.worker, job.started_at, job.heartbeat = State.RUNNING, worker, Now(), Now()
    job.save()
    if worker:
        Job.objects.filter(pk=job.pk).update(log=_began(worker, done=0))
    job.refresh_from_db()
    return job


def cancel(number: int, *, who: str = "") -> Job:
    """Cancel a job: at once if it is queued or paused, after the current chunk if it runs. A finished job does not change.

    :param who: for the log, as in Job.who
    :raises JobNotFound: there is no such job
    """
    Job.objects.filter(pk=number, state__in=(State.QUEUED, State.PAUSED)).exclude(place__has_key=CURRENT_CHUNK).update(
        state=State.CANCELLED, cancel_requested=True, finished_at=Now(), message="cancelled",
        log=job_log.with_entry(f"Cancelled{_by(who)}"),
    )  # fmt: skip
    Job.objects.filter(pk=number, state__in=(State.QUEUED, State.RUNNING), cancel_requested=False).update(
        cancel_requested=True, log=job_log.with_entry(f"Cancellation requested{_by(who)}")
    )
    return _get(number)


def pause(number: int, *, who: str = "") -> Job:
    """Pause a job: at once if it is queued, after the current chunk if it runs. A finished job does not change.

    :param who: for the log, as in Job.who
    :raises JobNotFound: there is no such job
    """
    Job.objects.filter(pk=number, state=State.QUEUED).update(
        state=State.PAUSED, log=job_log.with_entry(f"Paused{_by(who)}")
    )
    Job.objects.filter(pk=number, state=State.RUNNING, pause_requested=False).update(
        pause_requested=True, log=job_log.with_entry(f"Pause requested{_by(who)}")
    )
    return _get(number)


def resume(number: int, *, who: str = "") -> Job:
    """Let a paused job go on: it waits for a worker. Another one does not change.

    :param who: for the log, as in Job.who
    :raises JobNotFound: there is no such job
    """
    Job.objects.filter(pk=number, state=State.PAUSED).update(
        state=State.QUEUED, log=job_log.with_entry(f"Resumed{_by(who)}")
    )
    Job.objects.filter(pk=number).update(pause_requested=False)
    return _get(number)


def repeat(number: int, *, who: str) -> Job:
    """Return a new job of the same kind with the same arguments.

    :raises JobNotFound: there is no such job
    """
    job = _get(number)
    return enqueue(job.kind, job.arguments, who=who)


def _by(who: str) -> str:
    return f" by {who}" if who else ""


def _began(worker: str, *, done: int) -> Func:
    return job_log.with_entry(f"Worker {worker} began", done=done)


def _get(number: int) -> Job:
    job = Job.objects.filter(pk=number).first()
    if job is None:
        raise JobNotFound
    return job


def unfinished(kind: str) -> QuerySet[Job]:
    """Return the jobs of a kind that wait or run."""
    return Job.objects.filter(kind=kind, state__in=(State.QUEUED, State.RUNNING))


def new_worker() -> str:
    """Return a unique name for a worker."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def claim(worker: str, kinds: Mapping[str, Step]) -> Job | None:
    """Claim the oldest job that is queued, or whose worker is dead; return None if there is none."""
    claimable = Q(state=State.QUEUED) | Q(state=State.RUNNING, heartbeat__lt=Now() - WORKER_TIMEOUT)
    with transaction.atomic():
        job = (
            Job.objects.select_for_update(skip_locked=True)
            .filter(claimable, kind__in=list(kinds))
            .order_by("id")
            .first()
        )
        if job is None:
            return None
        Job.objects.filter(pk=job.pk).update(
            state=State.RUNNING, worker=worker, heartbeat=Now(), started_at=Coalesce("started_at", Now()),
            log=_began(worker, done=job.done),
        )  # fmt: skip
    job.refresh_from_db()
    return job


def run_next(worker: str, steps: Mapping[str, Step], *, stopping: threading.Event) -> bool:
    """Run one job, if there is one; return whether there was."""
    try:
        job = claim(worker, steps)
    except POSTGRESQL_AWAY as error:
        logger.warning("waiting for PostgreSQL", extra={"reason": type(error).__name__})
        connection.close()
        return False
    if job is None:
        return False
    logger.info("job taken", extra={"job": job.pk, "kind": job.kind})
    began = time.time_ns()
    run(job, steps[job.kind], stopping=stopping)
    job_spans.note(job, began=began)
    logger.info("job left", extra={"job": job.pk, "kind": job.kind, "state": job.state})
    return True


def advance(job: Job, *, done: int = 0, message: str = "") -> None:
    """Store the progress of the job, with its `place` and `total`; within the chunk's transaction.

    :raises JobLost: another worker has it
    """
    job.done += done
    job.message = message
    _save(job, done=job.done, place=job.place, total=job.total, message=message)


def note(job: Job, text: str, *, counts: bool = False) -> None:
    """Add an entry to the log of a job.

    :param counts: what is done is counted from here on, for the rate
    :raises JobLost: another worker has it
    """
    _save(job, log=job_log.with_entry(text, done=job.done if counts else None))


def beat(job: Job) -> None:
    """Refresh the heartbeat of a job during a long chunk.

    :raises JobLost: another worker has it
    """
    _save(job)


def run(job: Job, step: Step, *, stopping: threading.Event, report: Report = lambda _: None) -> None:
    """Run a job until it ends, or until `stopping` is set: then it is queued again for the next worker."""
    try:
        while not stopping.is_set():
            pause = _run_chunk(job, step, stopping=stopping, report=report)
            report(job)
            if pause is None:
                return
            stopping.wait(pause)
        _requeue(job)
    except JobLost:
        logger.warning("another worker has taken the job over", extra={"job": job.pk})


def _run_chunk(job: Job, step: Step, *, stopping: threading.Event, report: Report) -> float | None:
    """Process one chunk, with retries while a store is unavailable; return None if the job has ended."""
    wait = MIN_BACKOFF
    while True:
        try:
            return _try_step(job, step)
        except JobLost:
            raise
        except (*_STORE_ERRORS, *POSTGRESQL_AWAY) as error:
            metrics.JOB_ERRORS.labels(job.kind).inc()
            _record_waiting(job, str(error) if isinstance(error, _STORE_ERRORS) else _postgres(error))
        except JobFailed as error:
            metrics.JOB_ERRORS.labels(job.kind).inc()
            _finish(job, State.FAILED, str(error))
            return None
        except Exception as error:
            metrics.JOB_ERRORS.labels(job.kind).inc()
            logger.exception("a job failed", extra={"job": job.pk, "kind": job.kind})
            _finish(job, State.FAILED, f"{type(error).__name__}; the log of {job.worker} has more")
            return None
        report(job)
        if stopping.wait(wait):
            return 0.0
        wait = min(wait * 2, MAX_BACKOFF)


def _try_step(job: Job, step: Step) -> float | None:
    worker = job.worker
    # Also resets what a rolled-back chunk had counted.
    job.refresh_from_db()
    if job.worker != worker:
        raise JobLost
    if job.cancel_requested and CURRENT_CHUNK not in job.place:
        _finish(job, State.CANCELLED, "cancelled")
        return None
    if job.pause_requested and CURRENT_CHUNK not in job.place:
        _save(job, state=State.PAUSED, pause_requested=False, log=job_log.with_entry("Paused"))
        job.state = State.PAUSED
        return None
    wait = step(job)
    metrics.JOB_STEPS.labels(job.kind).inc()
    if wait is None:
        _finish(job, State.DONE, job.message)
    return wait


def _finish(job: Job, state: Job.State, message: str) -> None:
    job.state, job.message = state, message
    text = f"{state.label}: {message}" if message and message != state else state.label
    _save(job, state=state, message=message, finished_at=Now(), log=job_log.with_entry(text))


def _postgres(error: DatabaseError) -> str:
    return f"PostgreSQL: {type(error.__cause__ or error).__name__}"


def _record_waiting(job: Job, reason: str) -> None:
    logger.warning("a job waits", extra={"job": job.pk, "kind": job.kind, "reason": reason})
    message = f"waiting: {reason}"
    logged = {} if job.message == message else {"log": job_log.with_entry(f"Waiting: {reason}")}
    job.message = message
    # The connection may be lost; the next query opens another.
    connection.close()
    with suppress(DatabaseError):
        # The chunk was rolled back, so the row is older than `job`.
        job.refresh_from_db(fields=["done", "place", "total"])
        _save(job, message=job.message, **logged)


def _requeue(job: Job) -> None:
    job.state = State.QUEUED
    # If this fails, another worker claims the job after WORKER_TIMEOUT.
    with suppress(DatabaseError):
        _save(job, state=job.state, log=job_log.with_entry("The worker was stopped; the next one continues"))


def _save(job: Job, **values: Any) -> None:
    mine = Job.objects.filter(pk=job.pk, worker=job.worker, state=State.RUNNING)
    if not mine.update(heartbeat=Now(), **values):
        raise JobLost
