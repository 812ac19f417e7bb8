"""Discard dead letters: close them unprocessed, with a reason in their history."""

from __future__ import annotations

from django.db.models import Q
from django.db.models.functions import Now

from processing.dead_letters import filters, jobs
from processing.dead_letters.filters import LetterFilter
from processing.jobs import queue
from processing.models import DeadLetter, DeadLetterAction, Job

KIND = "discard"
CHUNK = 1_000  # letters


def request(selection: LetterFilter, *, who: str, note: str, up_to: int | None = None, worker: str = "") -> Job:
    """Create the job that discards letters.

    :param note: the reason
    :param up_to: as for processing.dead_letters.jobs.enqueue
    :param worker: as for jobs.enqueue
    """
    return jobs.enqueue(KIND, selection, who=who, up_to=up_to, worker=worker, note=note)


def step(job: Job) -> float | None:
    """Discard one chunk; see jobs.Step."""
    jobs.set_range(job)
    with jobs.chunk_transaction():
        numbers = jobs.lock_next(job, most=CHUNK)
        if not numbers:
            return None
        discarded = [*numbers, *_earlier_letters(numbers)]
        DeadLetter.objects.filter(id__in=discarded).update(state=DeadLetter.State.DISCARDED, closed_at=Now())
        jobs.record_action(discarded, kind=DeadLetterAction.Kind.DISCARDED, job=job)
        job.place = {**job.place, "after": numbers[-1]}
        queue.advance(job, done=len(numbers))
    return 0.0


def _earlier_letters(numbers: list[int]) -> list[int]:
    """Return earlier letters of the same events, whose redrives failed: they are closed with the newest one."""
    roots = DeadLetter.objects.filter(id__in=numbers, root__isnull=False).values("root")
    related = DeadLetter.objects.filter(Q(id__in=roots) | Q(root__in=roots)).exclude(id__in=numbers)
    return list(filters.superseded(related).order_by("id").values_list("id", flat=True))
