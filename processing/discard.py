"""Gives up dead letters, for a reason that stays in their history."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from processing import jobs, letter_jobs
from processing.letters import Selection
from processing.models import DeadLetter, DeadLetterAction, Job

KIND = "discard"
CHUNK = 1_000  # letters


def request(selection: Selection, *, who: str, note: str, worker: str = "") -> Job:
    """Make the job that discards letters.

    :param note: why
    :param worker: as for jobs.enqueue
    """
    return jobs.enqueue(KIND, {"selection": selection.to_mapping(), "note": note}, who=who, worker=worker)


def step(job: Job) -> float | None:
    """Discard one chunk; see jobs.Step."""
    letter_jobs.begin(job)
    with transaction.atomic():
        numbers = letter_jobs.lock_next(job, most=CHUNK)
        if not numbers:
            return None
        DeadLetter.objects.filter(id__in=numbers).update(state=DeadLetter.State.DISCARDED, closed_at=timezone.now())
        letter_jobs.note(numbers, kind=DeadLetterAction.Kind.DISCARDED, job=job)
        job.place = {**job.place, "after": numbers[-1]}
        jobs.advance(job, done=len(numbers))
    return 0.0
