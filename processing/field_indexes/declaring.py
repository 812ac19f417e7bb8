"""Declares indexes on fields, and drops them: the row, and the job that does the work."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models.functions import Now

from ingestion.auth import source_patterns
from processing.events import fields
from processing.field_indexes import listing
from processing.jobs import queue
from processing.models import FieldIndex, Job
from processing.stores.fields import indexes

KIND = "field_index"
BUILD, DROP = "build", "drop"  # what a job does, in its arguments
MOST = 32  # declared indexes: the consumer pays for each with every event that has the field
FIELD_FORM = r"keys joined by dots, such as temperature or device.name; a dot in a key is written \."

# Two declarations at once would pass the limit, or make the same index twice.
_ALONE = "LOCK TABLE field_index IN SHARE ROW EXCLUSIVE MODE"


class Refused(Exception):
    """A declaration can't be added or dropped. The text says why, for an operator."""


class Malformed(Refused):
    """It is no pattern of sources, or no field. The text says what was expected."""


def check(pattern: str, field: str) -> None:
    """Check the form of a declaration.

    :raises Malformed: it can't be declared
    """
    if not source_patterns.is_pattern(pattern):
        raise Malformed(f"The pattern of sources has to be {source_patterns.PATTERN_FORM}.")
    try:
        usable = "\0" not in field and bool(fields.split(field))
    except ValueError:  # also for half surrogates, which are bytes of the command line that are not UTF-8
        usable = False
    if not usable:
        raise Malformed(f"The field has to be {FIELD_FORM}; {fields.MAX_PATH} bytes at most.")


def add(pattern: str, field: str, *, who: str, worker: str = "") -> Job:
    """Declare an index, or build again what one that failed lacks; return the job that does it.

    :param worker: as for queue.enqueue
    :raises Refused: malformed, declared already, being dropped, or too many
    """
    check(pattern, field)
    with transaction.atomic():
        _lock()
        _refuse_to_add(pattern, field)
        row, _ = FieldIndex.objects.get_or_create(
            pattern=pattern, field=field, defaults={"created_at": Now(), "created_by": who}
        )
        return _assign(row, BUILD, FieldIndex.State.BUILDING, who=who, worker=worker)


def drop(pattern: str, field: str, *, who: str, worker: str = "") -> Job:
    """Drop a declared index; return the job that does it. A job that still builds it is cancelled.

    :raises Refused: it is not declared, or being dropped already
    """
    with transaction.atomic():
        _lock()
        row = _to_drop(pattern, field)
        if listing.is_unfinished(row.job):
            assert row.job is not None
            queue.cancel(row.job.pk)
        job = _assign(row, DROP, FieldIndex.State.DROPPING, who=who, worker=worker)
    # Those of other processes follow (indexes.FRESH).
    indexes.forget()
    return job


def try_add(pattern: str, field: str) -> None:
    """Raise what `add` would raise now; change nothing."""
    check(pattern, field)
    _refuse_to_add(pattern, field)


def try_drop(pattern: str, field: str) -> None:
    """Raise what `drop` would raise now; change nothing."""
    _to_drop(pattern, field)


def _refuse_to_add(pattern: str, field: str) -> None:
    row = _find(pattern, field)
    if row is None:
        if FieldIndex.objects.count() >= MOST:
            raise Refused(
                f"{MOST} indexes are declared, which is the most: each takes room, and time of the consumer with every"
                " event. Drop one first."
            )
        return
    if listing.is_unfinished(row.job):
        assert row.job is not None
        verb = "dropped" if row.state == FieldIndex.State.DROPPING else "built"
        raise Refused(f"The index on {row} is being {verb} by job {row.job.pk}.")
    if listing.describe(row).state == listing.IndexState.READY:
        raise Refused(f"The index on {row} is declared already, and ready.")


def _to_drop(pattern: str, field: str) -> FieldIndex:
    row = _find(pattern, field)
    if row is None:
        raise Refused(f"No index on {field} of {pattern} is declared.")
    if row.state == FieldIndex.State.DROPPING and listing.is_unfinished(row.job):
        assert row.job is not None
        raise Refused(f"The index on {row} is being dropped by job {row.job.pk}.")
    return row


def _find(pattern: str, field: str) -> FieldIndex | None:
    return FieldIndex.objects.select_related("job").filter(pattern=pattern, field=field).first()


def _assign(row: FieldIndex, action: str, state: FieldIndex.State, *, who: str, worker: str) -> Job:
    """Give the row to a new job, which waits until the one before has ended."""
    arguments = {"action": action, "index": row.pk, "pattern": row.pattern, "field": row.field, "after": row.job_id}
    job = queue.enqueue(KIND, arguments, who=who, worker=worker)
    row.job, row.state = job, state
    row.save(update_fields=["job", "state"])
    return job


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ALONE)
