"""How a job walks through the letters of a selection: in the order of their numbers, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from processing import jobs
from processing.letters import selection as letters
from processing.letters.selection import Selection
from processing.models import DeadLetterAction, Job

MOST_COUNTED = 1_000_000  # letters; the total of a job with more is not known
MAX_IDLE = 5  # seconds within a transaction


def selection(job: Job) -> Selection:
    return Selection.from_mapping(job.arguments["selection"])


def enqueue(
    kind: str, selection: Selection, *, who: str, up_to: int | None, worker: str, **arguments: str | int | None
) -> Job:
    """Make a job on the letters of a selection, as they are now: those that come in before it begins are not meant.

    :param up_to: the last number that is meant; None: the newest there is
    :param worker: as for jobs.enqueue
    """
    last = letters.newest() if up_to is None else up_to
    return jobs.enqueue(kind, {"selection": selection.to_mapping(), "up_to": last, **arguments}, who=who, worker=worker)


def begin(job: Job) -> None:
    """Count, once, what the job goes through."""
    if "until" in job.place:
        return
    # A job of an earlier release does not say how far it goes.
    until = job.arguments.get("up_to", letters.newest())
    job.place = {"after": 0, "until": until}
    counted = letters.count(selection(job).actionable(up_to=until), most=MOST_COUNTED)
    job.total = None if counted == MOST_COUNTED else counted
    jobs.advance(job)


@contextmanager
def chunk() -> Iterator[None]:
    """Open the transaction of a chunk. Consumers wait for the letters that it locks: frozen, it loses them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [f"{MAX_IDLE}s"])
        yield


def lock_next(job: Job, *, most: int) -> list[int]:
    """Lock the next letters, within the chunk's transaction; none: the job is through."""
    place: Mapping[str, Any] = job.place
    chosen = selection(job).actionable(up_to=place["until"]).filter(id__gt=place["after"])
    found = chosen.order_by("id").select_for_update(of=("self",)).values_list("id", flat=True)[:most]
    return list(found)


def note(ids: list[int], *, kind: DeadLetterAction.Kind, job: Job) -> None:
    """Add to the history of letters what is done to them."""
    text = str(job.arguments.get("note", ""))
    DeadLetterAction.objects.bulk_create(
        DeadLetterAction(letter_id=number, at=Now(), who=job.who, kind=kind, note=text) for number in ids
    )
