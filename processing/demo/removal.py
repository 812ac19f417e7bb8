"""Ends the demo: nothing of it is sent, waits for anybody, or is shown among what needs someone.

Its events stay. The ledger says of each event that Kafka has what became of it, and `reconcile` compares rows and documents
with that: rows that were deleted would be differences, and a repair would restore them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.models import FailingSource, Source
from processing.dead_letters.closing import discard
from processing.dead_letters.filters import LetterFilter
from processing.demo import job as demo
from processing.demo.sources import PREFIX
from processing.jobs import queue
from processing.models import DeadLetter, Job
from processing.partitions import failing_sources

NOTE = "the demo was removed"
WAITING = (DeadLetter.State.OPEN, DeadLetter.State.PARKED)


@dataclass(frozen=True, slots=True)
class Removed:
    """What was done."""

    cancelled: int  # jobs
    disabled: int  # sources
    letters: int  # dead letters that are discarded by the jobs
    jobs: list[Job]


def remove(*, who: str) -> Removed:
    """Cancel demos that run, disable the demo's sources, request the jobs that discard its dead letters. May be repeated."""
    running = list(Job.objects.filter(kind=demo.KIND).exclude(state__in=_ENDED))
    for each in running:
        queue.cancel(each.pk, who=who)
    demo.revoke_keys()
    disabled = Source.objects.filter(source_id__startswith=PREFIX, enabled=True).update(enabled=False)
    for failing in FailingSource.objects.filter(source_id__startswith=PREFIX, ended_by=""):
        failing_sources.resume(failing.source_id, who=who)
    waiting = DeadLetter.objects.filter(source_id__startswith=PREFIX, state__in=WAITING).order_by()
    jobs = [
        discard.request(LetterFilter(source_id=source, state=state), who=who, note=NOTE)
        for source, state in sorted(waiting.values_list("source_id", "state").distinct())
    ]
    return Removed(len(running), disabled, waiting.count(), jobs)


_ENDED = (Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED)
