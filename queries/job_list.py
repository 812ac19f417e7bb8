"""Jobs: long operations, newest first."""

from __future__ import annotations

from typing import cast

from processing import jobs
from processing.models import Job
from queries import by_number, paging, postgres
from queries.by_number import NumberCursor, Place
from queries.letter_shapes import JobShape
from queries.parameters import Parameters
from queries.shapes import Page
from queries.times import format_known, format_time

PARAMETERS = ("state", "kind", *by_number.PARAMETERS)


class JobCursor(NumberCursor, frozen=True):
    """A place in the list of jobs."""


def page(parameters: Parameters, *, address: paging.Address) -> Page[JobShape]:
    """Read one page of jobs.

    :raises InvalidParameter: a value can't be used
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    wanted = {"state": parameters.choice("state", Job.State.values), "kind": parameters.text("kind")}
    rows = Job.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
    return by_number.page(rows, Place.from_parameters(parameters, JobCursor), address=address, shape=shape)


def one(number: int) -> JobShape:
    """Give one job.

    :raises JobNotFound: there is none of this number
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        row = Job.objects.filter(pk=number).first()
    if row is None:
        raise jobs.JobNotFound
    return shape(row)


def cancel(number: int) -> JobShape:
    """Ask for the end of a job; one that is over stays as it is.

    :raises JobNotFound: there is none of this number
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        return shape(jobs.cancel(number))


def shape(row: Job) -> JobShape:
    """Give a job as JSON."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "state": row.state,
        "who": row.who,
        "arguments": cast("dict[str, object]", row.arguments),
        "total": row.total,
        "done": row.done,
        "failed": row.failed,
        "message": row.message,
        "cancelRequested": row.cancel_requested,
        "createdAt": format_time(row.created_at),
        "startedAt": format_known(row.started_at),
        "finishedAt": format_known(row.finished_at),
    }
