"""The history of one event, from the stores, the dead letters and a bounded search of the topic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code, RequestRejected
from processing.errors import NeedsOperator, StoreUnavailable
from processing.events.judged import REJECTED
from processing.events.positions import LinePosition
from processing.kafka import topic_search
from processing.kafka.topic_search import EventCopy, Search
from processing.models import DeadLetter, Event, ReplayRemoval, Topic
from processing.stores.accounting import revision_spans
from processing.stores.accounting.revision_spans import RevisionSpans
from processing.stores.jsonb import load_payload
from processing.stores.mongodb.stored_events import plain_payload
from queries.events import detail
from queries.events.detail import AmbiguousEvent, EventRow, Findings
from queries.pipeline import snapshot, status
from queries.pipeline.snapshot import PipelineSnapshot
from queries.reads import postgres
from queries.request.times import from_micros
from queries.schemas import LagShape, LeftOut, Origin, Outcome, Trace, TraceSearch
from queries.trace import dropped, letters, steps
from queries.trace.letters import EventLetters
from queries.trace.logic import Explainer, SentEvent
from queries.trace.steps import Said, Step

FIRST, NEWEST = 5, 5  # copies in the topic that led to no row and no letter


@dataclass(frozen=True, slots=True)
class Known:
    """What PostgreSQL and MongoDB store under an id."""

    findings: Findings
    letters: EventLetters
    removals: list[ReplayRemoval]  # rows that a replay dropped
    spans: RevisionSpans  # of the topic as it is now
    # In the topic as it is now. Positions in a topic that was deleted, or that Kafka lost, can't be read.
    positions: set[LinePosition]

    @property
    def sources(self) -> set[str]:
        """Every source that sent an event with this id."""
        of_rows = {row.source_id for row, *_ in self.findings.rows} | {each.source_id for each in self.removals}
        # An edit may have moved the event of a letter to the source of its row.
        own = [each for each in self.letters.shown if each.sent_id is None or not self.findings.rows]
        left_out = self.letters.sources if self.letters.left_out else frozenset()
        return (of_rows | {each.source_id for each in own} | left_out) - {""}

    def __bool__(self) -> bool:
        return bool(self.findings.rows or self.letters or self.removals)


def read(event_id: UUID, *, source_id: str | None, scope: ReadScope, raw: bool) -> Trace:
    """Return the history of one event.

    :param raw: the reader may read raw documents, so that it is shown what rules saw in them
    :raises RequestRejected: the id is unknown in the scope, or only Kafka could have it and Kafka does not answer
    :raises AmbiguousEvent: `source_id` is None and there are several
    :raises EventUncertain: MongoDB, which would lead to its row, does not answer or is being restored
    :raises postgres.StoreUnavailable: PostgreSQL does not answer
    """
    within = scope.narrowed(source_id)
    # Before the stores, so that a record below this progress has its effects in what is read next.
    here = snapshot.read(datetime.now(tz=UTC), scope=scope, max_sources=0)
    known = _known(event_id, within, here)
    search = _search(event_id, known, here, within)
    copies = [copy for copy in search.copies if within.includes(copy.source)] if search else []
    if copies and not known:
        # It may have been processed while the topic was searched.
        known = _known(event_id, within, here)
    if not known and all(_is_read(copy, here) for copy in copies):
        detail.require_certainty(known.findings)
    if not copies and not known:
        raise _unknown(search, scope)
    sources = known.sources | {copy.source for copy in copies if copy.source}
    if source_id is None and len(sources) > 1:
        raise AmbiguousEvent(sorted(sources))
    histories = Histories(known, here, Explainer(raw))
    return _laid_out(event_id, histories, [_redacted(copy, scope) for copy in copies], search)


def _redacted(copy: EventCopy, scope: ReadScope) -> EventCopy:
    """Leave out trace contexts that may belong to requests of other sources, since the record has their events, too."""
    return copy if scope.covers(copy.neighbours) else replace(copy, traces=[])


def _line_of(origin: Origin) -> LinePosition:
    return LinePosition(origin["partition"], origin["offset"], origin["line"])


def _known(event_id: UUID, scope: ReadScope, here: PipelineSnapshot) -> Known:
    findings = detail.find(event_id, scope=scope)
    with postgres.bounded():
        known = letters.read(
            event_id, scope, chain_scope=here.scope, sources={row.source_id for row, *_ in findings.rows}
        )
        positions = {found for each in known.shown if (found := _position(each, here))}
        removals = _removals(event_id, findings, scope)
        for row, *_ in findings.rows:
            event = Event.objects.select_related("topic").get(source_id=row.source_id, ts=row.ts, id=row.id)
            if position := _position(event, here):
                positions.add(position)
        positions |= {found for each in removals if (found := _position(each, here))}
        spans = _spans(here)
    return Known(findings, known, removals, spans, positions)


def _removals(event_id: UUID, findings: Findings, scope: ReadScope) -> list[ReplayRemoval]:
    """Return the rows that a replay dropped, by the documents that stayed. What it rejected is a letter."""
    found: list[ReplayRemoval] = []
    for document in findings.documents:
        at = from_micros(document["ts_us"])
        own = ReplayRemoval.objects.filter(**scope.lookup()).filter(
            source_id=document["source"], ts=at, event_id=event_id
        )
        found += own.filter(fate=ReplayRemoval.Fate.DROPPED).select_related("topic")
    return found


def _spans(here: PipelineSnapshot) -> RevisionSpans:
    topic = Topic.objects.filter(kafka_id=here.ends.topic).first() if here.ends else None
    if topic is None:
        return RevisionSpans([])
    with connection.cursor() as cursor:
        return revision_spans.read(cursor, topic.pk)


def _position(found: Event | DeadLetter | ReplayRemoval, here: PipelineSnapshot) -> LinePosition | None:
    if here.ends is None or found.topic.kafka_id != here.ends.topic or found.offset < 0:
        return None
    return LinePosition(found.partition, found.offset, found.line)


def _search(event_id: UUID, known: Known, here: PipelineSnapshot, within: ReadScope) -> Search | None:
    """Search each partition from the first known position, else all unread records; None: Kafka does not answer."""
    if here.ends is None or here.known is None:
        return None
    stretches, read_up_to = {}, {}
    for partition, (earliest, end) in here.ends.partitions.items():
        first = [position.offset for position in known.positions if position.partition == partition]
        done = here.snapshot.progress.get((here.ends.topic, partition))
        unread = done.next_offset if done else earliest
        if not known.positions or first:
            stretches[partition] = (max(earliest, min(first, default=unread)), end)
        read_up_to[partition] = unread
    try:
        found = topic_search.search(event_id, stretches)
        if found.copies or known or not known.spans:
            return found
        rounds, is_all = dropped.periods(within)
        budget = topic_search.BUDGET - found.seconds
        found = found.extended(topic_search.search_periods(event_id, rounds, read_up_to, budget=budget))
        return replace(found, complete=found.complete and is_all)
    except (StoreUnavailable, NeedsOperator):
        return None


def _unknown(search: Search | None, scope: ReadScope) -> RequestRejected:
    if search is None:
        return RequestRejected(
            Code.BROKER_UNAVAILABLE, "neither store has this id, and Kafka does not answer; try again later"
        )
    if search.complete:
        return RequestRejected(Code.NOT_FOUND, "no event with this id is stored, set aside or waiting")
    return RequestRejected(
        Code.NOT_FOUND,
        f"no event with this id is stored, set aside or among the first{_count(search, scope)} records that are unread,"
        " or from minutes in which rules dropped events; there are more",
    )


def _count(search: Search, scope: ReadScope) -> str:
    return f" {search.records}" if scope.whole else ""


def _laid_out(event_id: UUID, found: Histories, copies: list[EventCopy], search: Search | None) -> Trace:
    here = found.here
    waiting = [copy for copy in copies if not _is_read(copy, here)]
    alone, left_out = _bounded(event_id, found.known, copies, here)
    sources = found.known.sources | {copy.source for copy in copies if copy.source}
    history = steps.in_order(found.steps(alone, waiting))
    return {
        "eventId": str(event_id),
        "sourceId": min(sources, default=None),
        "outcome": _outcome(found.known, waiting, dropped=any(step["stage"] == "dropped" for step in history)),
        "steps": history,
        "leftOut": left_out,
        "lag": _lag_of(waiting[0].partition, here) if waiting else None,
        "search": None if search is None else _search_shape(search, here.scope),
    }


def _bounded(
    event_id: UUID, known: Known, copies: list[EventCopy], here: PipelineSnapshot
) -> tuple[list[EventCopy], LeftOut]:
    """Return the copies in the topic that are shown, and how much is not.

    Those of shown rows and letters are; of those that led to neither, the first and the newest.
    """
    of_letters: set[LinePosition] = set()
    if known.letters.left_out and here.ends is not None:
        with postgres.bounded():
            of_letters = letters.at(map(_place, copies), event_id, topic=here.ends.topic)
    own = [copy for copy in copies if _place(copy) in known.positions]
    others = [copy for copy in copies if _place(copy) not in known.positions | of_letters]
    others.sort(key=lambda copy: copy.record_time)
    shown = others if len(others) <= FIRST + NEWEST else [*others[:FIRST], *others[-NEWEST:]]
    return own + shown, {
        "deadLetters": known.letters.left_out,
        "copies": len(others) - len(shown),
        "atLeast": known.letters.is_more,
    }


def _place(copy: EventCopy) -> LinePosition:
    return LinePosition(copy.partition, copy.offset, copy.line)


@dataclass(slots=True)
class Histories:
    """What is known of an event, laid out copy by copy."""

    known: Known
    here: PipelineSnapshot
    explainer: Explainer

    def steps(self, copies: list[EventCopy], waiting: list[EventCopy]) -> list[list[Step]]:
        """Return the steps of each copy separately."""
        by_position = {_place(copy): copy for copy in copies}
        waits_at = set(map(_place, waiting))
        histories: list[list[Step]] = []
        # A letter before the row that came of it: a redrive keeps the time of receipt.
        for letter in self.known.letters.shown:
            copy = by_position.pop(LinePosition(letter.partition, letter.offset, letter.line), None)
            said = self._of_copy(copy) if letter.reason in REJECTED and letter.replay is None else None
            histories.append(steps.of_letter(letter, copy, scope=self.here.scope, said=said))
        for found in self.known.findings.rows:
            row, origin, making = found
            copy = by_position.pop(_line_of(origin), None)
            document, state = (
                self.known.findings.document_of(row.source_id),
                self.known.findings.state_of(row.source_id),
            )
            said = self._of_document(row.source_id, making.revision or 0)
            by = self._mended(copy, row)
            histories.append(steps.of_row(found, copy, document=document, state=state, said=said, letter=by))
        for removal in self.known.removals:
            copy = by_position.pop(LinePosition(removal.partition, removal.offset, removal.line), None)
            said = self._of_document(removal.source_id, removal.revision)
            histories.append(steps.of_removal(removal, copy, said=said))
        for copy in by_position.values():
            waits = _place(copy) in waits_at
            histories.append(steps.of_copy(copy, waits=waits, said=None if waits else self._of_copy(copy)))
        return histories

    def _mended(self, copy: EventCopy | None, row: EventRow) -> int | None:
        """Return the letter whose redrive brought a row, if the reader may see it."""
        for letter in self.known.letters.shown[::-1]:
            # Once Kafka has the record no more, by what a redrive keeps and what its transaction sets.
            is_closed = (letter.closed_at, letter.received) == (row.stored, row.received)
            if is_closed if copy is None else copy.redrive_of == letter.id:
                return letter.id
        return None

    def _of_document(self, source: str, revision: int) -> Said:
        document = self.known.findings.document_of(source)
        if document is None:
            return None
        event = SentEvent(source, document["ts_us"], document["received_us"], plain_payload(document["payload"]))
        return self.explainer.explain(revision, event)

    def _of_copy(self, copy: EventCopy | None) -> Said:
        if copy is None or copy.event is None:
            return None
        values = load_payload(bytes(copy.event.payload).decode())
        event = SentEvent(copy.source, copy.event.ts, copy.received, values)
        return self.explainer.explain(self.known.spans.revision(copy.partition, copy.offset), event)


def _outcome(known: Known, waiting: list[EventCopy], *, dropped: bool) -> Outcome:
    if known.findings.rows:
        return "stored"
    if waiting:
        return "in_flight"
    if known.letters.any_open:
        return "dead_lettered"
    if dropped:
        return "dropped"
    if any(letter.state == DeadLetter.State.STORED for letter in known.letters.shown):
        return "closed"
    return "discarded" if known.letters else "missing"


def _is_read(copy: EventCopy, here: PipelineSnapshot) -> bool:
    done = here.snapshot.progress.get((here.ends.topic, copy.partition)) if here.ends else None
    return done is not None and copy.offset < done.next_offset


def _lag_of(partition: int, here: PipelineSnapshot) -> LagShape | None:
    if here.ends is None or here.lags is None or not here.scope.whole:
        return None
    shapes = status.lag_shapes(here.ends, here.lags)
    return next((shape for shape in shapes if shape["partition"] == partition), None)


def _search_shape(search: Search, scope: ReadScope) -> TraceSearch:
    records = search.records if scope.whole else None
    return {"records": records, "seconds": round(search.seconds, 3), "complete": search.complete}
