"""Keeps a job for its worker during a chunk that takes longer than a worker may be silent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseError
from django.db import connection

from processing.jobs import queue
from processing.jobs.queue import JobLost
from processing.models import Job

logger = logging.getLogger(__name__)

_BEAT = 5.0  # seconds; well within queue.WORKER_TIMEOUT


@contextmanager
def beating(job: Job, *, when_cancelled: Callable[[], None] | None = None) -> Iterator[None]:
    """Refresh the heartbeat of a job every few seconds, from a thread, until the block ends.

    :param when_cancelled: called once, by the thread, if an operator cancels the job meanwhile
    """
    stopping = threading.Event()
    thread = threading.Thread(
        target=_beat, args=(job, stopping, when_cancelled), name="heartbeat of a job", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _beat(job: Job, stopping: threading.Event, when_cancelled: Callable[[], None] | None) -> None:
    try:
        while not stopping.wait(_BEAT):
            try:
                queue.beat(job)
                if when_cancelled and Job.objects.filter(pk=job.pk, cancel_requested=True).exists():
                    when_cancelled()
                    when_cancelled = None
            except JobLost:
                return  # the step finds it out when it advances the job
            except DatabaseError as error:
                logger.warning("no heartbeat of a job", extra={"job": job.pk, "reason": type(error).__name__})
                connection.close()
    finally:
        connection.close()
