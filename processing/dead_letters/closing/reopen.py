"""Reopen discarded dead letters: exactly what a discard changed is undone.

The newest letter of a chain is open again, or parked after too many redrives. Earlier ones of the chain, which the discard
closed with it, are `sent` again: their redrives have failed.
"""

from __future__ import annotations

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from processing.dead_letters import jobs
from processing.dead_letters.filters import LetterFilter
from processing.jobs import queue
from processing.models import DeadLetter, DeadLetterAction, Job
from processing.stores.redrive_outcomes import MAX_REDRIVES

KIND = "reopen"
CHUNK = 1_000  # letters

State = DeadLetter.State
Kind = DeadLetterAction.Kind


def reopenable(selection: LetterFilter, *, up_to: int | None = None) -> QuerySet[DeadLetter]:
    """Return the letters that a reopening takes: discarded ones, the newest of each chain."""
    found = selection.query(up_to=up_to).filter(state=State.DISCARDED)
    later = DeadLetter.objects.filter(Q(root=OuterRef("root_id")) | Q(root=OuterRef("pk")), pk__gt=OuterRef("pk"))
    return found.exclude(Exists(later))


def request(selection: LetterFilter, *, who: str, note: str = "", up_to: int | None = None, worker: str = "") -> Job:
    """Create the job that reopens letters.

    :param up_to: as for processing.dead_letters.jobs.enqueue
    :param worker: as for jobs.enqueue
    """
    return jobs.enqueue(KIND, selection, who=who, up_to=up_to, worker=worker, note=note)


def step(job: Job) -> float | None:
    """Reopen one chunk; see jobs.Step."""
    jobs.set_range(job, chosen=reopenable)
    with jobs.chunk_transaction():
        numbers = jobs.lock_next(job, most=CHUNK, chosen=reopenable)
        if not numbers:
            return None
        earlier = _earlier_letters(numbers)
        parked = Case(When(redrives__gte=MAX_REDRIVES, then=Value(State.PARKED)), default=Value(State.OPEN))
        DeadLetter.objects.filter(id__in=numbers).update(state=parked, closed_at=None)
        DeadLetter.objects.filter(id__in=earlier).update(state=State.SENT, closed_at=None)
        jobs.record_action([*numbers, *earlier], kind=Kind.REOPENED, job=job)
        job.place = {**job.place, "after": numbers[-1]}
        queue.advance(job, done=len(numbers))
    return 0.0


def _earlier_letters(numbers: list[int]) -> list[int]:
    """Return earlier letters of the same events, which were closed with the newest one."""
    roots = DeadLetter.objects.filter(id__in=numbers, root__isnull=False).values("root")
    related = DeadLetter.objects.filter(Q(id__in=roots) | Q(root__in=roots), state=State.DISCARDED)
    return list(related.exclude(id__in=numbers).order_by("id").select_for_update().values_list("id", flat=True))
