"""How a job walks through the letters of a selection: in the order of their numbers, a chunk at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Max
from django.utils import timezone

from processing import jobs, letters
from processing.letters import Selection
from processing.models import DeadLetterAction, Job


def selection(job: Job) -> Selection:
    return Selection.from_mapping(job.arguments["selection"])


def begin(job: Job) -> None:
    """Fix, once, up to which letter the job goes: those that come in while it works are not meant."""
    if "until" in job.place:
        return
    chosen = selection(job).actionable()
    job.place = {"after": 0, "until": chosen.aggregate(last=Max("id"))["last"] or 0}
    counted = letters.count(chosen.filter(id__lte=job.place["until"]))
    job.total = None if counted == letters.MOST_COUNTED else counted
    jobs.advance(job)


def lock_next(job: Job, *, most: int) -> list[int]:
    """Lock the next letters, within the chunk's transaction; none: the job is through."""
    place: Mapping[str, Any] = job.place
    chosen = selection(job).actionable().filter(id__gt=place["after"], id__lte=place["until"])
    found = chosen.order_by("id").select_for_update(of=("self",)).values_list("id", flat=True)[:most]
    return list(found)


def note(ids: list[int], *, kind: DeadLetterAction.Kind, job: Job) -> None:
    """Add to the history of letters what is done to them."""
    now, text = timezone.now(), str(job.arguments.get("note", ""))
    DeadLetterAction.objects.bulk_create(
        DeadLetterAction(letter_id=number, at=now, who=job.who, kind=kind, note=text) for number in ids
    )
