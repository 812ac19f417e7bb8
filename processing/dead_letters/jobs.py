"""Run a job over the letters of a selection: in the order of their numbers, one chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from psycopg.errors import QueryCanceled

from processing.dead_letters import filters
from processing.dead_letters.filters import LetterFilter
from processing.jobs import queue
from processing.models import DeadLetter, DeadLetterAction, Job

MAX_COUNTED = 1_000_000  # letters; the total is unknown if there are more, or if counting takes too long
MAX_IDLE = 5  # seconds within a transaction
# Seconds for one statement of a chunk, where others have five: finding the next letters by their text among millions takes
# long. Below jobs.WORKER_TIMEOUT, after which another worker would start the same chunk.
MAX_STATEMENT = 25


# Returns the letters of a selection up to a number that a job takes.
Chosen = Callable[..., QuerySet[DeadLetter]]


def selection(job: Job) -> LetterFilter:
    """Return the selection that the job was enqueued with."""
    return LetterFilter.from_mapping(job.arguments["selection"])


def enqueue(
    kind: str, selection: LetterFilter, *, who: str, up_to: int | None, worker: str, **arguments: object
) -> Job:
    """Create a job on the letters that match a selection now. Letters that arrive later are not included.

    :param up_to: the highest number to include; None: the newest letter
    :param worker: as for jobs.enqueue
    """
    last = filters.newest() if up_to is None else up_to
    return queue.enqueue(
        kind, {"selection": selection.to_mapping(), "up_to": last, **arguments}, who=who, worker=worker
    )


def set_range(job: Job, *, chosen: Chosen = LetterFilter.actionable) -> None:
    """Set, once, the range of letters of the job, and count them."""
    if "until" in job.place:
        return
    # A job of an earlier release has no `up_to`.
    until = job.arguments["up_to"] if "up_to" in job.arguments else filters.newest()
    job.place = {"after": 0, "until": until}
    job.total = _total(chosen(selection(job), up_to=until))
    queue.advance(job)


def _total(chosen: QuerySet[DeadLetter]) -> int | None:
    try:
        counted = filters.count(chosen, most=MAX_COUNTED)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return None
        raise
    return None if counted == MAX_COUNTED else counted


@contextmanager
def chunk_transaction() -> Iterator[None]:
    """Open the transaction of a chunk, with timeouts: consumers wait for the letters that it locks."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, true),"
            " set_config('statement_timeout', %s, true)",
            [f"{MAX_IDLE}s", f"{MAX_STATEMENT}s"],
        )
        yield


def lock_next(job: Job, *, most: int, chosen: Chosen = LetterFilter.actionable) -> list[int]:
    """Lock the next letters, within the chunk's transaction; return their numbers, none at the end."""
    place: Mapping[str, Any] = job.place
    following = chosen(selection(job), up_to=place["until"]).filter(id__gt=place["after"])
    found = following.order_by("id").select_for_update(of=("self",)).values_list("id", flat=True)[:most]
    return list(found)


def record_action(ids: list[int], *, kind: DeadLetterAction.Kind, job: Job, text: str | None = None) -> None:
    """Add an action to the history of letters, with the note of the job or `text`."""
    text = str(job.arguments.get("note", "")) if text is None else text
    DeadLetterAction.objects.bulk_create(
        DeadLetterAction(letter_id=number, at=Now(), who=job.who, kind=kind, note=text, job=job.pk) for number in ids
    )
