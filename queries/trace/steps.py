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
from processing.logic.explaining import Explanation
from processing.logic.explanation_shapes import LogicTrace
from processing.logic.rules.results import Fate
from processing.models import DeadLetter, DeadLetterAction, ReplayRemoval
from processing.stores.mongodb.documents import StoredDocument
from queries.events import detail
from queries.events.detail import Found
from queries.request.times import format_time, from_micros
from queries.schemas import DocumentState, Origin, RequestShape, Stage, TraceStep
from queries.trace import logic

Said = tuple[Explanation, LogicTrace] | None

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
    DeadLetterAction.Kind.REOPENED: "reopened",
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
    request: RequestShape | None = None
    logic: LogicTrace | None = None


def of_row(
    found: Found,
    copy: EventCopy | None,
    *,
    document: StoredDocument | None,
    state: DocumentState,
    said: Said,
    letter: int | None = None,
) -> list[Step]:
    """Return the steps of a stored event.

    :param copy: its line in the topic, if that can be read
    :param document: its raw document, if there is one, which has its request for longer than Kafka
    :param said: what logic said of it
    :param letter: whose redrive brought it
    """
    row, origin, making = found
    tags = f"tagged {', '.join(row.tags)}" if row.tags else "no step or rule changed it"
    by = f"revision {making.revision} of logic: " if making.revision else ""
    again = f"; by replay {making.replay}" if making.replay else ""
    return [
        _received(row.received, copy, document),
        _published(origin, copy, letter=letter, again=letter is not None),
        Step("processed", None, by + (logic.in_words(said[0]) if said else tags) + again, logic=said and said[1]),
        Step("stored", row.stored, _DOCUMENTS[state]),
        Step("published_again", None, f"to {settings.KAFKA_TOPIC_PROCESSED_DATA} after it was stored, at least once"),
    ]


def of_letter(letter: DeadLetter, copy: EventCopy | None, *, scope: ReadScope, said: Said) -> list[Step]:
    """Return the steps of a line that became a dead letter, and the actions on it."""
    origin: Origin = {
        "topic": letter.topic.name,
        "partition": letter.partition,
        "offset": letter.offset,
        "line": letter.line,
    }
    what = f"{problems.in_words(letter.reason)}: {letter.detail}; now {letter.state}"
    return [
        _received(letter.received, copy, letter=letter.id),
        _published(origin, copy, letter=letter.id),
        Step("dead_lettered", letter.first_seen, what, origin, letter.id, logic=said and said[1]),
        *(_of_action(letter, action, scope) for action in letter.actions.all()),
    ]


def of_removal(removal: ReplayRemoval, copy: EventCopy | None, *, said: Said) -> list[Step]:
    """Return the steps of an event whose row a replay removed."""
    origin: Origin = {
        "topic": removal.topic.name,
        "partition": removal.partition,
        "offset": removal.offset,
        "line": removal.line,
    }
    text = f"by the rule {removal.rule} of revision {removal.revision}, in replay {removal.replay}; its document stays"
    return [
        _received(removal.received, copy),
        _published(origin, copy),
        Step("dropped", None, text, origin, logic=said and said[1]),
    ]


def of_copy(copy: EventCopy, *, waits: bool, said: Said) -> list[Step]:
    """Return the steps of a line in the topic that led to no row and no dead letter."""
    origin = _origin(copy)
    steps = [_received(from_micros(copy.received), copy)]
    if waits:
        text = "waits to be processed" if copy.readable else "waits to be processed; it can't be read as an event"
        return [*steps, _published(origin, copy), Step("in_flight", None, text, origin)]
    if said and said[0].result.fate is Fate.DROPPED:
        text = f"{logic.in_words(said[0])}, counted and not kept"
        return [*steps, _published(origin, copy), Step("dropped", None, text, origin, logic=said[1])]
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


def _received(
    at: datetime | None, copy: EventCopy | None, document: StoredDocument | None = None, *, letter: int | None = None
) -> Step:
    request = detail.request_shape((copy and copy.request) or (document and document.get("request")))
    text = "by a receiver, or by Kafka from another producer"
    return Step("received", at, text, letter=letter, request=request or None)


def _published(origin: Origin, copy: EventCopy | None, *, letter: int | None = None, again: bool = False) -> Step:
    at = None if copy is None else from_micros(copy.record_time)
    by = "by the redrive of its dead letter, " if again else ""
    gone = "" if copy else "; the record is no longer in Kafka, or was not searched"
    return Step("published", at, f"{by}acknowledged by Kafka{gone}", origin, letter, copy.traces if copy else [])


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
        "request": step.request,
        "logic": step.logic,
    }
