"""Sources with how they are and why, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypedDict

from ingestion.auth.read_scope import ReadScope
from ingestion.models import Source
from queries.reads import postgres
from queries.request.times import format_time
from queries.sources import shapes
from queries.sources.health import causes, habits, minutes, reasons
from queries.sources.health.causes import Cause
from queries.sources.health.index import Judged
from queries.sources.health.interval import UNKNOWN, Habit
from queries.sources.health.minutes import HalfHour
from queries.sources.health.reasons import Sentence
from queries.sources.health.state import Facts, State


class Why(TypedDict):
    """Why a source is as it is: a sentence, in which a time may stand between `before` and `after`."""

    before: str
    at: str | None
    after: str


class SourceHealth(TypedDict):
    """A source and how it is. What is of the last half hour is null if nothing came."""

    sourceId: str
    state: State
    why: Why
    code: str | None  # of the newest dead letter, if it is failing
    setAsideUntil: str | None  # receivers reject its events until then; None: they do not
    lastSeen: str | None  # None: nothing was ever read
    latestEvent: str | None
    perSecond: float | None  # None: what it sends now is not known
    interval: float | None  # seconds between two sendings; None: not known
    intervalIsSet: bool  # by a person
    spacing: float | None  # seconds between the times of its events; None: not known
    rejectsPercent: float | None
    duplicatesPercent: float | None
    skewSeconds: float | None  # its clock ahead of the receivers'
    events: int  # stored
    deadLetters: int  # that ever were
    partition: int | None  # None: nothing waits, so nobody asked
    minutes: list[int]  # events of each of the last 30 minutes, by receipt
    failedMinutes: list[int]  # those of them that became dead letters
    labels: dict[str, object]


def of(judged: Sequence[Judged], *, scope: ReadScope, now: datetime) -> list[SourceHealth]:
    """Return sources of a scope as JSON.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    names = [each.source_id for each in judged]
    failing = [each.source_id for each in judged if each.state == "failing"]
    with postgres.bounded():
        own = _habits(judged, scope)
        lately = minutes.read(names, scope=scope, now=now)
        why = causes.read(failing, scope=scope) if failing else {}
        labels = _labels(scope.among(names))
    room = shapes.LABEL_TEXT // max(1, len(judged))
    return [
        _shape(
            each,
            own.get(each.source_id, UNKNOWN),
            lately[each.source_id],
            why.get(each.source_id),
            shapes.shown_labels(labels.get(each.source_id, {}), room=room),
            now=now.timestamp(),
        )
        for each in judged
    ]


def _habits(judged: Sequence[Judged], scope: ReadScope) -> dict[str, Habit]:
    """Return how the sources of a page send; here those that are live have it looked up, too."""
    seen = {each.source_id: each.facts.last_seen for each in judged if each.facts.last_seen is not None}
    habits.learned(seen, scope=scope, until=float("inf"))
    found = {source: habits.known(source, last_seen=last) for source, last in seen.items()}
    return {source: habit for source, habit in found.items() if habit is not None}


def _labels(scope: ReadScope) -> Mapping[str, dict[str, object]]:
    return dict(Source.objects.filter(**scope.lookup()).order_by().values_list("source_id", "labels"))


def _shape(
    each: Judged, habit: Habit, lately: HalfHour, cause: Cause | None, labels: dict[str, object], *, now: float
) -> SourceHealth:
    facts = each.facts._replace(usual=each.facts.usual if each.facts.usual is not None else habit.interval)
    state = each.state
    waits = state == "held" or facts.waits
    return {
        "sourceId": each.source_id,
        "state": state,
        "why": _why(reasons.sentence(facts, state, now=now, run=lately.run, cause=cause)),
        "code": None if cause is None else cause.code,
        "setAsideUntil": _time(facts.set_aside_until),
        "lastSeen": _time(facts.last_seen),
        "latestEvent": _time(facts.latest_event),
        "perSecond": None if waits or facts.last_seen is None else round(lately.rate(now), 4),
        "interval": facts.interval,
        "intervalIsSet": facts.expected is not None,
        "spacing": habit.spacing,
        "rejectsPercent": _rounded(lately.rejects),
        "duplicatesPercent": _rounded(lately.duplicates),
        "skewSeconds": _skew(facts, habit),
        "events": facts.stored,
        "deadLetters": facts.dead_lettered,
        "partition": facts.partition,
        "minutes": lately.read,
        "failedMinutes": lately.failed,
        "labels": labels,
    }


def _why(found: Sentence) -> Why:
    return {"before": found.text, "at": _time(found.at), "after": found.rest}


def _skew(facts: Facts, habit: Habit) -> float | None:
    """Return how far a clock is ahead; None: not known, and of an import, whose times are not of its clock."""
    if facts.is_history or habit.is_history:
        return None
    return habit.skew


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else format_time(datetime.fromtimestamp(seconds, tz=UTC))


def _rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 2)
