"""Gives up dead letters, for a reason that stays in their history."""

from __future__ import annotations

from django.db.models import Q
from django.db.models.functions import Now

from processing import jobs
from processing.letters import jobs as letter_jobs
from processing.letters import selection as letters
from processing.letters.selection import Selection
from processing.models import DeadLetter, DeadLetterAction, Job

KIND = "discard"
CHUNK = 1_000  # letters


def request(selection: Selection, *, who: str, note: str, up_to: int | None = None, worker: str = "") -> Job:
    """Make the job that discards letters.

    :param note: why
    :param up_to: as for processing.letters.jobs.enqueue
    :param worker: as for jobs.enqueue
    """
    return letter_jobs.enqueue(KIND, selection, who=who, up_to=up_to, worker=worker, note=note)


def step(job: Job) -> float | None:
    """Discard one chunk; see jobs.Step."""
    letter_jobs.begin(job)
    with letter_jobs.chunk():
        numbers = letter_jobs.lock_next(job, most=CHUNK)
        if not numbers:
            return None
        given_up = [*numbers, *_before(numbers)]
        DeadLetter.objects.filter(id__in=given_up).update(state=DeadLetter.State.DISCARDED, closed_at=Now())
        letter_jobs.note(given_up, kind=DeadLetterAction.Kind.DISCARDED, job=job)
        job.place = {**job.place, "after": numbers[-1]}
        jobs.advance(job, done=len(numbers))
    return 0.0


def _before(numbers: list[int]) -> list[int]:
    """Give the letters of the same events whose redrives failed: they end with their newest."""
    roots = DeadLetter.objects.filter(id__in=numbers, root__isnull=False).values("root")
    chain = DeadLetter.objects.filter(Q(id__in=roots) | Q(root__in=roots)).exclude(id__in=numbers)
    return list(letters.superseded(chain).order_by("id").values_list("id", flat=True))
