"""The steps of a trace in words, and their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings

from ingestion import problems
from ingestion.auth.read_scope import ReadScope
from processing.dead_letters import scoped_letters
from processing.kafka.topic_search import EventCopy
from processing.models import DeadLetter, DeadLetterAction
from queries.events.detail import EventRow
from queries.request.times import format_time, from_micros
from queries.schemas import DocumentState, Origin, Stage, TraceStep

_DOCUMENTS: dict[DocumentState, str] = {
    "found": "a row in PostgreSQL, the raw document in MongoDB",
    "absent": "a row in PostgreSQL, but no raw document in MongoDB: let reconcile look",
    "unavailable": "a row in PostgreSQL; the raw document is in MongoDB, which does not answer",
}
_ACTIONS: dict[str, Stage] = {
    DeadLetterAction.Kind.REDRIVEN: "redriven",
    DeadLetterAction.Kind.EDITED: "edited",
    DeadLetterAction.Kind.FAILED: "failed",
    DeadLetterAction.Kind.STORED: "closed",
    DeadLetterAction.Kind.PARKED: "parked",
    DeadLetterAction.Kind.DISCARDED: "discarded",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step, before it is turned into JSON."""

    stage: Stage
    at: datetime | None
    detail: str
    origin: Origin | None = None
    letter: int | None = None
    traces: list[str] = field(default_factory=list)


def of_row(row: EventRow, origin: Origin, copy: EventCopy | None, *, document: DocumentState) -> list[Step]:
    """Return the steps of a stored event; `copy` is its line in the topic, if that can be read."""
    tags = f"tagged {', '.join(row.tags)}" if row.tags else "no step or rule changed it"
    return [
        Step("received", row.received, "by a receiver, or by Kafka from another producer"),
        _published(origin, copy),
        Step("processed", None, tags),
        Step("stored", row.stored, _DOCUMENTS[document]),
        Step("published_again", None, f"to {settings.KAFKA_TOPIC_PROCESSED_DATA} after it was stored, at least once"),
    ]


def of_letter(letter: DeadLetter, copy: EventCopy | None, *, scope: ReadScope) -> list[Step]:
    """Return the steps of a line that became a dead letter, and the actions on it."""
    origin: Origin = {
        "topic": letter.topic.name,
        "partition": letter.partition,
        "offset": letter.offset,
        "line": letter.line,
    }
    what = f"{problems.in_words(letter.reason)}: {letter.detail}; now {letter.state}"
    return [
        Step("received", letter.received, "by a receiver, or by Kafka from another producer", letter=letter.id),
        _published(origin, copy, letter=letter.id),
        Step("dead_lettered", letter.first_seen, what, origin, letter.id),
        *(_of_action(letter, action, scope) for action in letter.actions.all()),
    ]


def of_copy(copy: EventCopy, *, waits: bool) -> list[Step]:
    """Return the steps of a line in the topic that led to no row and no dead letter."""
    origin = _origin(copy)
    steps = [Step("received", from_micros(copy.received), "by a receiver, or by Kafka from another producer")]
    if waits:
        text = "waits to be processed" if copy.readable else "waits to be processed; it can't be read as an event"
        return [*steps, _published(origin, copy), Step("in_flight", None, text, origin)]
    if copy.readable:
        return [
            *steps,
            _published(origin, copy),
            Step("duplicate", None, "a repeat of a stored event, counted and ignored", origin),
        ]
    return [*steps, _published(origin, copy)]


def in_order(histories: Iterable[list[Step]]) -> list[TraceStep]:
    """Return the steps as JSON, copy by copy, in order of receipt."""
    ordered = sorted(histories, key=lambda steps: steps[0].at or datetime.max.replace(tzinfo=UTC))
    return [_shape(step) for steps in ordered for step in steps]


def _published(origin: Origin, copy: EventCopy | None, *, letter: int | None = None) -> Step:
    at = None if copy is None else from_micros(copy.record_time)
    gone = "" if copy else "; the record is no longer in Kafka, or was not searched"
    return Step("published", at, f"acknowledged by Kafka{gone}", origin, letter, copy.traces if copy else [])


def _of_action(letter: DeadLetter, action: DeadLetterAction, scope: ReadScope) -> Step:
    text = scoped_letters.note_of(action, scope)
    note = f": {text}" if text else ""
    return Step(_ACTIONS[action.kind], action.at, f"by {action.who}{note}", letter=letter.id)


def _origin(copy: EventCopy) -> Origin:
    return {
        "topic": settings.KAFKA_TOPIC_RAW_DATA,
        "partition": copy.partition,
        "offset": copy.offset,
        "line": copy.line,
    }


def _shape(step: Step) -> TraceStep:
    return {
        "stage": step.stage,
        "at": None if step.at is None else format_time(step.at),
        "detail": step.detail,
        "origin": step.origin,
        "letter": step.letter,
        "traceparents": step.traces,
    }
