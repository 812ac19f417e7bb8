"""Reads jobs for their pages: as what they are about, how far they are, and what they found."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from django.db.models import Q, QuerySet

from dashboard.pages.jobs import outcomes, progress, reports, words
from dashboard.pages.jobs.progress import TONES, UNFINISHED
from dashboard.pages.jobs.reports import Result
from dashboard.pages.jobs.words import Fact
from ingestion.auth.read_scope import ReadScope
from processing.comparisons import request as comparisons
from processing.dead_letters import redrive
from processing.dead_letters.closing import discard
from processing.jobs.job_log import LogEntry
from processing.jobs.queue import JobNotFound
from processing.models import Job
from processing.packing import job as packing
from processing.stores.mongodb.documents import RESTORE_JOB
from processing.trials import request as trials
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.request import id_pagination
from queries.request.id_pagination import IdCursor, IdPage
from queries.request.query_params import Parameters
from queries.request.times import format_time

PARAMETERS = ("state", "kind", "cursor")
LIMIT = 50
MOST_UNFINISHED = 50
# What readers of some sources may see: jobs of their own on letters.
OWN_KINDS = (redrive.KIND, discard.KIND)
# Kinds that do everything in one step, before whose end they can't be paused.
UNPAUSABLE = {comparisons.KIND, RESTORE_JOB}
# Kinds that read, or do only what is left to do: they may be run again as they are.
REPEATABLE = {comparisons.KIND, RESTORE_JOB, packing.KIND, trials.KIND}


class JobCursor(IdCursor, frozen=True):
    """A position in the list of jobs."""


class JobRow(TypedDict):
    """A job in a list."""

    id: int
    kind: str
    title: str
    about: str
    state: str
    stateText: str
    tone: str
    unfinished: bool
    done: int
    total: int | None
    unit: str
    percent: int | None
    perSecond: float | None
    secondsLeft: float | None
    seconds: float | None
    message: str
    who: str
    createdAt: str
    startedAt: str | None
    finishedAt: str | None


class JobList(TypedDict):
    """A page of the list: what is not finished, and the page of those that have ended or match."""

    unfinished: list[JobRow]
    jobs: list[JobRow]
    next: str | None
    previous: str | None


class JobPage(JobRow):
    """One job."""

    facts: list[Fact]
    worker: str
    before: int | None  # jobs that are taken before it, while it waits
    cancelRequested: bool
    pauseRequested: bool
    pausable: bool
    repeatable: bool  # it has ended, and may be run again
    log: list[LogEntry]  # newest first
    result: Result | None
    resultKnown: bool  # whether it could be read in time


def visible(scope: ReadScope, who: str) -> QuerySet[Job]:
    """Return the jobs that a reader may see: of some sources, those on letters that he requested himself."""
    if scope.whole:
        return Job.objects.all()
    return Job.objects.filter(who=who, kind__in=OWN_KINDS) if who else Job.objects.none()


def page(parameters: Parameters, *, scope: ReadScope, who: str, now: datetime) -> JobList:
    """Read one page of the list.

    :param who: the reader
    :raises InvalidParameter: a value can't be used
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    mine = visible(scope, who).defer("report", "place")
    state, kind = parameters.choice("state", Job.State.values), parameters.choice("kind", list(words.KINDS))
    chosen = {name: value for name, value in {"state": state, "kind": kind}.items() if value is not None}
    rows = mine.filter(**chosen)
    first = not chosen and "cursor" not in parameters.given
    wanted = IdPage(kind=JobCursor, limit=LIMIT, cursor=IdPage.from_parameters(parameters, JobCursor).cursor)
    if not chosen:
        rows = rows.exclude(state__in=UNFINISHED)
    with postgres.bounded():
        unfinished = list(mine.filter(state__in=UNFINISHED).order_by("id")[:MOST_UNFINISHED]) if first else []
    found = id_pagination.page(rows, wanted, shape=lambda job: row(job, now=now))
    return {
        "unfinished": [row(job, now=now) for job in unfinished],
        "jobs": found.results,
        "next": found.next,
        "previous": found.previous,
    }


def one(number: int, *, scope: ReadScope, who: str, examples: bool, now: datetime) -> JobPage:
    """Read one job.

    :param examples: the reader may see events
    :raises JobNotFound: there is no such job, or the reader may not see it
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        job = visible(scope, who).defer("place").filter(pk=number).first()
        if job is None:
            raise JobNotFound
        before = _before(job, scope)
    found, known = _result(job, scope, examples=examples)
    return {
        **row(job, now=now),
        "facts": words.of(job).facts(job.arguments),
        "worker": job.worker,
        "before": before,
        "cancelRequested": job.cancel_requested,
        "pauseRequested": job.pause_requested,
        "pausable": job.kind not in UNPAUSABLE,
        "repeatable": is_repeatable(job),
        "log": job.log[::-1],
        "result": found,
        "resultKnown": known,
    }


def is_repeatable(job: Job) -> bool:
    """Return whether a job has ended and may be run again."""
    return job.kind in REPEATABLE and job.state not in UNFINISHED


def _result(job: Job, scope: ReadScope, *, examples: bool) -> tuple[Result | None, bool]:
    try:
        with postgres.bounded():
            return outcomes.result(job, scope=scope) or reports.result(job, examples=examples), True
    except ReadUnavailable:
        return None, False


def _before(job: Job, scope: ReadScope) -> int | None:
    if job.state != Job.State.QUEUED or not scope.whole:
        return None
    return Job.objects.filter(Q(state=Job.State.QUEUED, pk__lt=job.pk) | Q(state=Job.State.RUNNING)).count()


def row(job: Job, *, now: datetime) -> JobRow:
    """Return a job as an item of a list."""
    said, pace = words.of(job), progress.pace(job, now=now)
    return {
        "id": job.pk,
        "kind": job.kind,
        "title": said.title,
        "about": said.about(job.arguments),
        "state": job.state,
        "stateText": progress.state(job, now=now),
        "tone": TONES.get(job.state, "plain"),
        "unfinished": job.state in UNFINISHED,
        "done": job.done,
        "total": job.total,
        "unit": said.unit,
        "percent": min(100, 100 * job.done // job.total) if job.total else None,
        "perSecond": pace.per_second,
        "secondsLeft": pace.seconds_left,
        "seconds": progress.seconds(job, now=now),
        "message": job.message,
        "who": job.who,
        "createdAt": format_time(job.created_at),
        "startedAt": None if job.started_at is None else format_time(job.started_at),
        "finishedAt": None if job.finished_at is None else format_time(job.finished_at),
    }
