"""How a job walks through the letters of a selection: in the order of their numbers, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from psycopg.errors import QueryCanceled

from processing import jobs
from processing.letters import selection as letters
from processing.letters.selection import Selection
from processing.models import DeadLetter, DeadLetterAction, Job

MOST_COUNTED = 1_000_000  # letters; the total of a job with more, or that takes too long to count, is not known
MAX_IDLE = 5  # seconds within a transaction
# Seconds for one statement of a chunk, where others have five: to find the next letters by their text among millions
# takes long. Under jobs.SILENCE, past which another worker would begin the same.
MAX_STATEMENT = 25


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
    until = job.arguments["up_to"] if "up_to" in job.arguments else letters.newest()
    job.place = {"after": 0, "until": until}
    job.total = _total(selection(job).actionable(up_to=until))
    jobs.advance(job)


def _total(chosen: QuerySet[DeadLetter]) -> int | None:
    try:
        counted = letters.count(chosen, most=MOST_COUNTED)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return None
        raise
    return None if counted == MOST_COUNTED else counted


@contextmanager
def chunk() -> Iterator[None]:
    """Open the transaction of a chunk. Consumers wait for the letters that it locks: frozen, it loses them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, true),"
            " set_config('statement_timeout', %s, true)",
            [f"{MAX_IDLE}s", f"{MAX_STATEMENT}s"],
        )
        yield


def lock_next(job: Job, *, most: int) -> list[int]:
    """Lock the next letters, within the chunk's transaction; none: the job is through."""
    place: Mapping[str, Any] = job.place
    chosen = selection(job).actionable(up_to=place["until"]).filter(id__gt=place["after"])
    found = chosen.order_by("id").select_for_update(of=("self",)).values_list("id", flat=True)[:most]
    return list(found)


def note(ids: list[int], *, kind: DeadLetterAction.Kind, job: Job, text: str | None = None) -> None:
    """Add to the history of letters what is done to them, with the job's own note unless there is a `text`."""
    text = str(job.arguments.get("note", "")) if text is None else text
    DeadLetterAction.objects.bulk_create(
        DeadLetterAction(letter_id=number, at=Now(), who=job.who, kind=kind, note=text) for number in ids
    )
