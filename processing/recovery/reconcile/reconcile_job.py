"""The job that compares the counts of Kafka, MongoDB and PostgreSQL, as `manage.py reconcile` does, and keeps its report."""

from __future__ import annotations

from django.db import transaction

from processing.commandline.progress import CommandInterrupted
from processing.comparisons import request
from processing.jobs import queue
from processing.jobs.heartbeat import beating
from processing.jobs.job_progress import JobProgress
from processing.models import Job
from processing.recovery.reconcile import reconcile
from processing.recovery.reconcile.reconcile import Report


def step(job: Job) -> float | None:
    """Compare everything, in one chunk; see queue.Step. It may be killed and repeated: nothing is written but the report."""
    progress = JobProgress(job)
    # A count of all documents takes longer than a worker may be silent.
    with beating(job, when_cancelled=progress.stop):
        try:
            report = reconcile.run(request.of(job), progress=progress)
        except CommandInterrupted:
            return 0.0  # the next step finds that the job is cancelled
    _keep(job, report)
    return None


def _keep(job: Job, report: Report) -> None:
    job.done = job.total = report.recounted["kafka"]["read"]
    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(report=reconcile.shape(report))
        queue.advance(job, message=sentence(report))


def sentence(report: Report) -> str:
    """Return what a comparison found as a sentence."""
    if report.ok:
        return f"all agree: {report.recounted['kafka']['read']:,} lines of Kafka and what became of them"
    return f"{_counted(sum(report.kinds.values()), 'difference')} of {_counted(len(report.kinds), 'kind')}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
