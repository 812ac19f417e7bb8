"""How far a job is: its state in words, its rate and the time it has left. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from processing.jobs.queue import WORKER_TIMEOUT
from processing.models import Job

UNFINISHED = (Job.State.QUEUED, Job.State.RUNNING, Job.State.PAUSED)
LEAST_SECONDS = 1.0  # of counting, before which a rate would be chance

Tone = Literal["good", "warn", "bad", "plain"]

TONES: Mapping[str, Tone] = {"done": "good", "failed": "bad", "paused": "warn", "cancelled": "warn"}


class Pace(NamedTuple):
    """How fast a job is; None: unknown."""

    per_second: float | None
    seconds_left: float | None


def pace(job: Job, *, now: datetime) -> Pace:
    """Return the mean rate since counting began last, and how long the rest takes at that rate."""
    if job.state in (Job.State.QUEUED, Job.State.PAUSED) or job.started_at is None:
        return Pace(None, None)
    if job.finished_at is not None:
        return Pace(_rate(job.done, (job.finished_at - job.started_at).total_seconds()), None)
    since, before = _begun(job)
    rate = _rate(job.done - before, (now - since).total_seconds())
    if not rate or job.total is None:
        return Pace(rate, None)
    return Pace(rate, max(0, job.total - job.done) / rate)


def _begun(job: Job) -> tuple[datetime, int]:
    for entry in reversed(job.log):
        if "done" in entry:
            return datetime.fromisoformat(entry["at"]), entry["done"]
    assert job.started_at is not None
    return job.started_at, 0


def _rate(done: int, seconds: float) -> float | None:
    return done / seconds if seconds >= LEAST_SECONDS else None


def state(job: Job, *, now: datetime) -> str:
    """Return the state of a job in words."""
    if job.state == Job.State.QUEUED:
        return "Waits for a worker"
    if job.state == Job.State.RUNNING:
        return _running(job, now)
    return str(Job.State(job.state).label)


def _running(job: Job, now: datetime) -> str:
    if job.heartbeat is not None and now - job.heartbeat > WORKER_TIMEOUT:
        return "Its worker is silent; the next one continues it"
    if job.cancel_requested:
        return "Ends after the current step"
    if job.pause_requested:
        return "Pauses after the current step"
    return "Waits" if job.message.startswith("waiting") else "Runs"


def seconds(job: Job, *, now: datetime) -> float | None:
    """Return how long a job has run, or ran; None: it has not begun."""
    return None if job.started_at is None else max(0.0, ((job.finished_at or now) - job.started_at).total_seconds())
