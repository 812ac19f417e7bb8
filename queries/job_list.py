"""Jobs: long operations, newest first."""

from __future__ import annotations

from processing import jobs
from processing.letters import as_json
from processing.letters.shapes import JobShape
from processing.models import Job
from queries import by_number, paging, postgres
from queries.by_number import NumberCursor, Place
from queries.parameters import Parameters
from queries.shapes import Page

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
    return by_number.page(rows, Place.from_parameters(parameters, JobCursor), address=address, shape=as_json.job)


def one(number: int) -> JobShape:
    """Give one job.

    :raises JobNotFound: there is none of this number
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        row = Job.objects.filter(pk=number).first()
    if row is None:
        raise jobs.JobNotFound
    return as_json.job(row)


def cancel(number: int) -> JobShape:
    """Ask for the end of a job; one that is over stays as it is.

    :raises JobNotFound: there is none of this number
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        return as_json.job(jobs.cancel(number))
