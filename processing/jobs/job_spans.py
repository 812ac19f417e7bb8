"""The span of a job, from when a worker takes it until it leaves it."""

from __future__ import annotations

import time

from ingestion.spans import current
from ingestion.spans.part import Part
from processing.models import Job


def note(job: Job, *, began: int) -> None:
    """Make the span of a job that is left now, if it is traced.

    :param began: nanoseconds since the epoch
    """
    if current.tracer is None or not current.tracer.sampler.samples(None):
        return
    attributes: dict[str, str | int] = {"dataflow.job": int(job.pk), "dataflow.job.state": str(job.state)}
    whole = Part(f"job {job.kind}", "internal", began, time.time_ns(), attributes)
    current.tracer.past(whole, (), error=str(job.state) if job.state == Job.State.FAILED else "")
