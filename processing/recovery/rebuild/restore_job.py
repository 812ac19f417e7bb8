"""The job that restores documents which MongoDB has lost, as `manage.py rebuild_documents --from-rows` does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseError
from django.db import connection

from processing.commandline.event_range import EventRange
from processing.commandline.progress import Progress
from processing.jobs import queue
from processing.jobs.queue import JobLost
from processing.models import Job
from processing.recovery.rebuild import documents

logger = logging.getLogger(__name__)

KIND = "documents"
_BEAT = 5.0  # seconds; well within queue.WORKER_TIMEOUT


def request(*, who: str) -> Job:
    """Return the job that restores all missing documents; create it unless one waits or runs."""
    unfinished = Job.objects.filter(kind=KIND, state__in=(Job.State.QUEUED, Job.State.RUNNING))
    return unfinished.order_by("id").first() or queue.enqueue(KIND, {}, who=who)


def step(job: Job) -> float | None:
    """Restore all documents, in one chunk; see queue.Step. It may be killed and repeated."""
    with _beating(job):
        found = documents.run(EventRange(), from_rows=True, dry_run=False, progress=Progress())
    restored = found.from_kafka + found.from_rows
    job.total = found.missing
    left = f"; {found.left} could not be restored" if found.left else ""
    queue.advance(job, done=restored, message=f"{restored} of {found.missing} missing documents restored{left}")
    return None


@contextmanager
def _beating(job: Job) -> Iterator[None]:
    """Keep the job during the block: a count of all documents takes longer than a worker may be silent."""
    stopping = threading.Event()
    thread = threading.Thread(target=_beat, args=(job, stopping), name="restores documents", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _beat(job: Job, stopping: threading.Event) -> None:
    try:
        while not stopping.wait(_BEAT):
            try:
                queue.beat(job)
            except JobLost:
                return  # the step finds it out when it advances the job
            except DatabaseError as error:
                logger.warning("no heartbeat of a job", extra={"job": job.pk, "reason": type(error).__name__})
                connection.close()
    finally:
        connection.close()
