"""Replays and trials: makes the jobs that do them. Only for operators of all sources."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from django.db import connection

from ingestion.auth.read_scope import ReadScope
from ingestion.events import timestamps
from ingestion.problems import Code
from processing.dead_letters import serializers
from processing.dead_letters.schemas import JobShape
from processing.logic.history import InvalidHistory
from processing.logic.revisions import rows
from processing.replays import request as replays
from processing.replays.request import ReplayRequest
from processing.trials import request as trials
from processing.trials.request import TrialRequest
from queries.logic.bodies import RevisionNumber
from queries.reads import postgres
from queries.request.json_body import InvalidBody

Time = Annotated[
    str,
    msgspec.Meta(
        description="A date (its midnight in UTC), or a time with its zone.",
        extra_json_schema={"examples": ["2014-01-01"]},
        max_length=40,
    ),
]
Pattern = Annotated[str, msgspec.Meta(description="A source id, or its beginning and a *.", max_length=129)]


class History(msgspec.Struct, kw_only=True, rename={"since": "from", "until": "to"}, forbid_unknown_fields=True):
    """Events by their time: from `from` up to, not including, `to`; of some sources, or of all."""

    revision: RevisionNumber | None = None  # None: the current one; 0: no logic
    sources: Annotated[list[Pattern], msgspec.Meta(max_length=100)] = []
    since: Time | None = None
    until: Time | None = None


class NewReplay(History, kw_only=True, rename={"dry_run": "dryRun"}, forbid_unknown_fields=True):
    """Take stored events through a revision again. Undo it by another replay, of the revision before."""

    dry_run: bool = False
    rate: Annotated[int, msgspec.Meta(ge=1, le=replays.MAX_RATE)] | None = None  # events a second
    publish: bool = False  # changed events to processed-data, too
    letters: bool = False  # then redrive the open dead letters that rules and schemas made


class NewTrial(History, kw_only=True, forbid_unknown_fields=True):
    """Judge stored events by a revision and by the current one, and change nothing. The job's report has what was found."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=trials.MAX_LIMIT)] | None = None  # events


def replay(body: NewReplay, *, scope: ReadScope, who: str) -> JobShape:
    """Create the job of a replay.

    :raises RequestRejected: the scope is not everything
    :raises InvalidBody: it can't be done
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        wanted = ReplayRequest(
            _revision(body), tuple(body.sources), _time(body.since, "from"), _time(body.until, "to"),
            dry_run=body.dry_run, rate=body.rate, publish=body.publish, letters=body.letters,
        )  # fmt: skip
        try:
            return serializers.job(replays.request(wanted, who=who))
        except InvalidHistory as error:
            raise InvalidBody(Code.INVALID_PARAMETER, str(error)) from error


def trial(body: NewTrial, *, scope: ReadScope, who: str) -> JobShape:
    """Create the job of a trial.

    :raises RequestRejected: the scope is not everything
    :raises InvalidBody: it can't be done
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        since, until = _time(body.since, "from"), _time(body.until, "to")
        wanted = TrialRequest(_revision(body), tuple(body.sources), since, until, body.limit)
        try:
            return serializers.job(trials.request(wanted, who=who))
        except InvalidHistory as error:
            raise InvalidBody(Code.INVALID_PARAMETER, str(error)) from error


def _revision(body: History) -> int:
    if body.revision is not None:
        return body.revision
    with connection.cursor() as cursor:
        return rows.current(cursor).number


def _time(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        return timestamps.parse_date_or_time(text)
    except ValueError as error:
        raise InvalidBody(
            Code.INVALID_PARAMETER, f"/{name}: expected a date, or a time with its zone: 2026-03-01T12:00:00Z"
        ) from error
