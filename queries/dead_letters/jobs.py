"""Jobs: long operations, newest first."""

from __future__ import annotations

from collections.abc import Callable

from ingestion.auth.read_scope import ReadScope
from processing.dead_letters import serializers
from processing.dead_letters.schemas import JobDetail, JobShape
from processing.jobs import queue
from processing.models import Job
from queries.reads import postgres
from queries.request import id_pagination
from queries.request.id_pagination import IdCursor, IdPage
from queries.request.pagination import CursorPage
from queries.request.query_params import Parameters

PARAMETERS = ("state", "kind", *id_pagination.PARAMETERS)


class JobCursor(IdCursor, frozen=True):
    """A position in the list of jobs."""


def page(parameters: Parameters, *, scope: ReadScope) -> CursorPage[JobShape]:
    """Read one page of jobs.

    :raises RequestRejected: the scope is not everything: a job may be about any source
    :raises InvalidParameter: a value can't be used
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    wanted = {"state": parameters.choice("state", Job.State.values), "kind": parameters.text("kind")}
    rows = Job.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
    return id_pagination.page(rows, IdPage.from_parameters(parameters, JobCursor), shape=serializers.job)


def one(number: int, *, scope: ReadScope, raw: bool) -> JobDetail:
    """Return one job with its report.

    :param raw: the reader may read raw documents, which the examples in the report of a trial are of
    :raises RequestRejected: the scope is not everything
    :raises JobNotFound: there is no job of this number
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        row = Job.objects.filter(pk=number).first()
    if row is None:
        raise queue.JobNotFound
    report = row.report
    if report is not None and "examples" in report and not raw:
        report = {**report, "examples": {}}
    return {**serializers.job(row), "report": report}


def change(number: int, how: Callable[[int], Job], *, scope: ReadScope) -> JobShape:
    """Request that a job is cancelled, paused or resumed. A job that has ended stays as it is.

    :param how: `cancel`, `pause` or `resume` of processing.jobs.queue
    :raises RequestRejected: the scope is not everything
    :raises JobNotFound: there is no job of this number
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        return serializers.job(how(number))
