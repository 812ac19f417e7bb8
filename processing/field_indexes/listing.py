"""What became of declared indexes: their state, and how many partitions have them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db import connection

from processing.models import FieldIndex, Job
from processing.stores.fields.definitions import COUNTS, PARTITIONS


class IndexState(StrEnum):
    """What operators see: that of the row, unless the job that works on it has ended before its work did."""

    BUILDING = "building"
    READY = "ready"
    DROPPING = "dropping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared index, its state, and how far it is."""

    row: FieldIndex
    state: IndexState
    finished: int  # partitions that have the index
    partitions: int  # of all events
    detail: str  # what its job does, or why it failed; empty once it is ready


def in_words(one: Declared) -> str:
    """Return the state of an index as one line."""
    of = f"{one.finished:,} of {one.partitions:,} partitions have it"
    return f"{one.state}, {of}" + (f" ({one.detail})" if one.detail else "")


def is_unfinished(job: Job | None) -> bool:
    """Return whether a job waits or runs."""
    return job is not None and job.state in (Job.State.QUEUED, Job.State.RUNNING)


def everything() -> list[Declared]:
    """Return all declared indexes, the oldest first."""
    counts, partitions = _counts()
    rows = FieldIndex.objects.select_related("job").order_by("id")
    return [_describe(row, counts.get(row.pk, 0), partitions) for row in rows]


def describe(row: FieldIndex) -> Declared:
    """Return one declared index with its state."""
    counts, partitions = _counts()
    return _describe(row, counts.get(row.pk, 0), partitions)


def _counts() -> tuple[dict[int, int], int]:
    """Return how many partitions have each index, and how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        counts = dict(cursor.fetchall())
        cursor.execute(PARTITIONS)
        [partitions] = cursor.fetchone() or [0]
    return counts, partitions


def _describe(row: FieldIndex, finished: int, partitions: int) -> Declared:
    if row.state == FieldIndex.State.READY:
        if finished == partitions:
            return Declared(row, IndexState.READY, finished, partitions, "")
        return Declared(row, IndexState.FAILED, finished, partitions, "some partitions lack it; add it again")
    if is_unfinished(row.job):
        return Declared(row, IndexState(row.state), finished, partitions, row.job.message if row.job else "")
    why = row.job.message if row.job else "its job is gone"
    return Declared(row, IndexState.FAILED, finished, partitions, f"{row.state}: {why}")
