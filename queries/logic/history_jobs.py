"""Trials and replays as their jobs know them, and what undoes a replay."""

from __future__ import annotations

from typing import TypedDict

from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import to_text
from processing.dead_letters import serializers
from processing.dead_letters.schemas import JobShape
from processing.logic.revisions.rows import NO_LOGIC
from processing.models import Job, LogicActivation
from processing.replays import request as replays
from processing.trials import request as trials
from queries.reads import postgres

KINDS = (trials.KIND, replays.KIND)
NEWEST = 50
MOST_JUDGED = 10


class HistoryJob(JobShape):
    """A trial or a replay."""

    what: str  # try, count or replay
    revision: int
    sources: list[str]
    since: str | None
    until: str | None
    finished: bool
    undo: int | None  # the revision whose replay of the same events undoes this one; None: there is nothing to undo


class Judged(TypedDict):
    """A revision, and since when consumers judged events by it."""

    revision: int
    since: str


def newest(*, scope: ReadScope) -> list[HistoryJob]:
    """Return the newest trials and replays, the newest first.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        found = list(Job.objects.filter(kind__in=KINDS).defer("report", "place").order_by("-id")[:NEWEST])
        return [_shape(row) for row in found]


def one(number: int, *, scope: ReadScope) -> HistoryJob | None:
    """Return a trial or a replay; None: there is none of this number.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        row = Job.objects.filter(kind__in=KINDS, pk=number).defer("report", "place").first()
        return None if row is None else _shape(row)


def judged_before(job: HistoryJob, *, scope: ReadScope) -> list[Judged]:
    """Return the revisions that consumers judged events by before a job began, the last first.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    began = job["startedAt"] or job["createdAt"]
    with postgres.bounded():
        found = LogicActivation.objects.filter(at__lt=began)[: MOST_JUDGED + 1]
        return [{"revision": each.revision, "since": to_text(each.at)} for each in found]


def _shape(row: Job) -> HistoryJob:
    given = row.arguments
    is_replay = row.kind == replays.KIND
    what = "try" if not is_replay else "count" if given["dryRun"] else "replay"
    return {
        **serializers.job(row),
        "what": what,
        "revision": given["revision"],
        "sources": given["sources"],
        "since": given["since"],
        "until": given["until"],
        "finished": row.state in {Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED},
        "undo": _before(row) if what == "replay" and row.started_at else None,
    }


def _before(row: Job) -> int:
    """Return the revision that the events of a replay had before it, as far as it can be known from one number.

    An earlier replay of the same events left them by its revision. Otherwise consumers did, by the revision that was current:
    that before the replayed one, if the replay made events follow a revision that had become current.
    """
    same = {f"arguments__{name}": row.arguments[name] for name in ("sources", "since", "until")}
    earlier = Job.objects.filter(kind=replays.KIND, started_at__lt=row.started_at, arguments__dryRun=False, **same)
    last = earlier.order_by("-started_at").first()
    if last is not None:
        return int(last.arguments["revision"])
    activations = LogicActivation.objects.filter(at__lt=row.started_at).exclude(revision=row.arguments["revision"])
    activation = activations.first()
    return activation.revision if activation is not None else NO_LOGIC
