"""Long operations as rows of a table: queued, worked on chunk by chunk, cancelled, and resumed after a kill.

Times are PostgreSQL's, so that workers on machines whose clocks differ agree on who is silent.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from processing.failures import POSTGRESQL_AWAY, NeedsOperator, StoreUnavailable
from processing.models import Job

logger = logging.getLogger(__name__)

State = Job.State
# A running job whose worker was silent for as long is taken over. A chunk has to be done, or say `beat`, well within.
SILENCE = timedelta(seconds=30)
FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0  # seconds between two tries while a store is away; under SILENCE

# The key of a job's place that says what was begun outside any transaction: the step ends it before the job may be cancelled.
IN_HAND = "sending"

# Does one chunk of a job, and commits `advance` in one transaction with the chunk's effects. Gives the seconds to wait
# before the next, or None when nothing is left. Raises StoreUnavailable or NeedsOperator to be called again later.
Step = Callable[[Job], float | None]
Report = Callable[[Job], None]

_OURS = (StoreUnavailable, NeedsOperator)


class JobLost(Exception):
    """Another worker has taken the job over: roll back and leave it alone."""


class JobNotFound(Exception):
    """There is no job of this number."""


def enqueue(kind: str, arguments: Mapping[str, Any], *, who: str, worker: str = "") -> Job:
    """Make a job for `manage.py run_jobs`, or for `worker` itself, which has to `run` it at once."""
    job = Job(kind=kind, arguments=dict(arguments), who=who, created_at=Now())
    if worker:
        job.state, job.worker, job.started_at, job.heartbeat = State.RUNNING, worker, Now(), Now()
    job.save()
    job.refresh_from_db()
    return job


def cancel(number: int) -> Job:
    """Ask for the end of a job: at once where it waits, after the chunk in hand where it runs; none that is over changes.

    :raises JobNotFound: there is none
    """
    Job.objects.filter(pk=number, state=State.QUEUED).exclude(place__has_key=IN_HAND).update(
        state=State.CANCELLED, cancel_requested=True, finished_at=Now(), message="cancelled"
    )
    Job.objects.filter(pk=number, state__in=(State.QUEUED, State.RUNNING)).update(cancel_requested=True)
    job = Job.objects.filter(pk=number).first()
    if job is None:
        raise JobNotFound
    return job


def new_worker() -> str:
    """Give a name for a worker that nobody had before."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def take(worker: str, kinds: Mapping[str, Step]) -> Job | None:
    """Take the oldest job that waits, or that a dead worker left; None: there is none."""
    left = Q(state=State.QUEUED) | Q(state=State.RUNNING, heartbeat__lt=Now() - SILENCE)
    with transaction.atomic():
        job = Job.objects.select_for_update(skip_locked=True).filter(left, kind__in=list(kinds)).order_by("id").first()
        if job is None:
            return None
        Job.objects.filter(pk=job.pk).update(
            state=State.RUNNING, worker=worker, heartbeat=Now(), started_at=Coalesce("started_at", Now())
        )
    job.refresh_from_db()
    return job


def work(worker: str, steps: Mapping[str, Step], *, stopping: threading.Event) -> bool:
    """Do one job, if there is any to do; True if there was."""
    try:
        job = take(worker, steps)
    except POSTGRESQL_AWAY as error:
        logger.warning("waiting for PostgreSQL", extra={"reason": type(error).__name__})
        connection.close()
        return False
    if job is None:
        return False
    logger.info("job taken", extra={"job": job.pk, "kind": job.kind})
    run(job, steps[job.kind], stopping=stopping)
    logger.info("job left", extra={"job": job.pk, "kind": job.kind, "state": job.state})
    return True


def advance(job: Job, *, done: int = 0, message: str = "") -> None:
    """Write down how far the job is, with `place` and `total` as they are set; within the chunk's transaction.

    :raises JobLost: another worker has it
    """
    job.done += done
    job.message = message
    _save(job, done=job.done, place=job.place, total=job.total, message=message)


def beat(job: Job) -> None:
    """Say that the job is still worked on.

    :raises JobLost: another worker has it
    """
    _save(job)


def run(job: Job, step: Step, *, stopping: threading.Event, report: Report = lambda _: None) -> None:
    """Work on a job until it is over, or until `stopping` is set: then it waits for the next worker, at its place."""
    try:
        while not stopping.is_set():
            pause = _once(job, step, stopping=stopping, report=report)
            report(job)
            if pause is None:
                return
            stopping.wait(pause)
        _hand_back(job)
    except JobLost:
        logger.warning("another worker has taken the job over", extra={"job": job.pk})


def _once(job: Job, step: Step, *, stopping: threading.Event, report: Report) -> float | None:
    """Do one chunk, however often that has to be tried; None: the job is over."""
    wait = FIRST_WAIT
    while True:
        try:
            return _try(job, step)
        except (*_OURS, *POSTGRESQL_AWAY) as error:
            _say_waiting(job, str(error) if isinstance(error, _OURS) else _postgres(error))
        except JobLost:
            raise
        except Exception as error:
            logger.exception("a job failed", extra={"job": job.pk, "kind": job.kind})
            _finish(job, State.FAILED, f"{type(error).__name__}; the log of {job.worker} has more")
            return None
        report(job)
        if stopping.wait(wait):
            return 0.0
        wait = min(wait * 2, LONGEST_WAIT)


def _try(job: Job, step: Step) -> float | None:
    worker = job.worker
    # Also forgets what a chunk that was rolled back had counted.
    job.refresh_from_db()
    if job.worker != worker:
        raise JobLost
    if job.cancel_requested and IN_HAND not in job.place:
        _finish(job, State.CANCELLED, "cancelled")
        return None
    pause = step(job)
    if pause is None:
        _finish(job, State.DONE, job.message)
    return pause


def _finish(job: Job, state: Job.State, message: str) -> None:
    job.state, job.message = state, message
    _save(job, state=state, message=message, finished_at=Now())


def _postgres(error: DatabaseError) -> str:
    return f"PostgreSQL: {type(error.__cause__ or error).__name__}"


def _say_waiting(job: Job, reason: str) -> None:
    logger.warning("a job waits", extra={"job": job.pk, "kind": job.kind, "reason": reason})
    job.message = f"waiting: {reason}"
    # It may be lost: the next use takes another.
    connection.close()
    with suppress(DatabaseError):
        # The chunk was rolled back.
        job.refresh_from_db(fields=["done", "place", "total"])
        _save(job, message=job.message)


def _hand_back(job: Job) -> None:
    job.state = State.QUEUED
    # Should it fail, the job is taken over once it has been silent for long enough.
    with suppress(DatabaseError):
        _save(job, state=job.state)


def _save(job: Job, **values: Any) -> None:
    mine = Job.objects.filter(pk=job.pk, worker=job.worker, state=State.RUNNING)
    if not mine.update(heartbeat=Now(), **values):
        raise JobLost
