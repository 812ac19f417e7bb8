"""Jobs: long operations, newest first."""

from __future__ import annotations

from processing import jobs
from processing.letters import as_json
from processing.letters.shapes import JobShape
from processing.models import Job
from queries import by_number, postgres
from queries.by_number import IdPage, NumberCursor
from queries.paging import CursorPage
from queries.parameters import Parameters

PARAMETERS = ("state", "kind", *by_number.PARAMETERS)


class JobCursor(NumberCursor, frozen=True):
    """A position in the list of jobs."""


def page(parameters: Parameters) -> CursorPage[JobShape]:
    """Read one page of jobs.

    :raises InvalidParameter: a value can't be used
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    wanted = {"state": parameters.choice("state", Job.State.values), "kind": parameters.text("kind")}
    rows = Job.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
    return by_number.page(rows, IdPage.from_parameters(parameters, JobCursor), shape=as_json.job)


def one(number: int) -> JobShape:
    """Return one job.

    :raises JobNotFound: there is no job of this number
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        row = Job.objects.filter(pk=number).first()
    if row is None:
        raise jobs.JobNotFound
    return as_json.job(row)


def cancel(number: int) -> JobShape:
    """Request the cancellation of a job. A job that has ended stays as it is.

    :raises JobNotFound: there is no job of this number
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        return as_json.job(jobs.cancel(number))
