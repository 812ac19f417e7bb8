"""The job that restores documents which MongoDB has lost, as `manage.py rebuild_documents --from-rows` does."""

from __future__ import annotations

from processing.commandline.event_range import EventRange
from processing.commandline.progress import Progress
from processing.jobs import queue
from processing.jobs.heartbeat import beating
from processing.models import Job
from processing.recovery.rebuild import documents
from processing.stores.mongodb.documents import RESTORE_JOB

KIND = RESTORE_JOB


def request(*, who: str) -> Job:
    """Return the job that restores all missing documents; create it unless one waits or runs."""
    return queue.unfinished(KIND).order_by("id").first() or queue.enqueue(KIND, {}, who=who)


def step(job: Job) -> float | None:
    """Restore all documents, in one chunk; see queue.Step. It may be killed and repeated."""
    # A count of all documents takes longer than a worker may be silent.
    with beating(job):
        found = documents.run(EventRange(), from_rows=True, dry_run=False, progress=Progress())
    restored = found.from_kafka + found.from_rows
    job.total = found.missing
    left = f"; {found.left} could not be restored" if found.left else ""
    queue.advance(job, done=restored, message=f"{restored} of {found.missing} missing documents restored{left}")
    return None
