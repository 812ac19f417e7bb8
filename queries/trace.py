"""What became of one event: from the stores, the dead letters and, within seconds, the topic itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q

from ingestion.problems import Code
from ingestion.requests import Refused
from processing import topic_search
from processing.failures import NeedsOperator, StoreUnavailable
from processing.models import DeadLetter, Event
from processing.topic_search import Copy, Search
from queries import event_detail, pipeline, postgres, standing, trace_steps
from queries.event_detail import AmbiguousEvent, Findings
from queries.shapes import LagShape, Outcome, Trace, TraceSearch
from queries.standing import Standing
from queries.trace_steps import Step

MAX_LETTERS = 50

Place = tuple[int, int, int]  # partition, offset, line
_CLOSED = (DeadLetter.State.STORED, DeadLetter.State.DISCARDED)


@dataclass(frozen=True, slots=True)
class Known:
    """What PostgreSQL and MongoDB know of an id."""

    findings: Findings
    letters: list[DeadLetter]
    # Places in the topic as it is now; those in one that was deleted, or that Kafka lost, can't be looked at.
    places: set[Place]

    @property
    def sources(self) -> set[str]:
        """Every source that it is known of."""
        return {row.source_id for row, _ in self.findings.rows} | {each.source_id for each in self.letters} - {""}

    def __bool__(self) -> bool:
        return bool(self.findings.rows or self.letters)


def read(event_id: UUID, *, source_id: str | None) -> Trace:
    """Follow one event.

    :raises Refused: nobody knows the id, or Kafka would have to be asked and does not answer
    :raises AmbiguousEvent: `source_id` is None and there are several
    :raises postgres.StoreUnavailable: PostgreSQL does not answer
    """
    # Before the stores, so that a record below this progress has its effects in what is read next.
    with postgres.bounded():
        here = standing.read(datetime.now(tz=UTC), max_sources=0)
    known = _known(event_id, source_id, here)
    search = _search(event_id, known, here)
    copies = [copy for copy in search.copies if source_id in {None, copy.source}] if search else []
    if copies and not known:
        # Perhaps it was processed while the topic was looked through.
        known = _known(event_id, source_id, here)
    if not copies and not known:
        raise _unknown(search)
    sources = known.sources | {copy.source for copy in copies if copy.source}
    if source_id is None and len(sources) > 1:
        raise AmbiguousEvent(sorted(sources))
    return _laid_out(event_id, known, copies, search, here)


def _known(event_id: UUID, source_id: str | None, here: Standing) -> Known:
    # Of one source a search is cheap; through all rows it is for those only who ask for the event itself.
    findings = event_detail.find(event_id, source_id=source_id, thorough=source_id is not None)
    with postgres.bounded():
        letters = _letters(event_id, source_id)
        places = {place for each in letters if (place := _place(each, here))}
        for row, _ in findings.rows:
            event = Event.objects.select_related("topic").get(source_id=row.source_id, ts=row.ts, id=row.id)
            if place := _place(event, here):
                places.add(place)
    return Known(findings, letters, places)


def _letters(event_id: UUID, source_id: str | None) -> list[DeadLetter]:
    """Give the dead letters of an event with those they came from or led to, oldest first."""
    own = DeadLetter.objects.filter(event_id=event_id)
    if source_id is not None:
        own = own.filter(source_id=source_id)
    found = list(own.values_list("id", "root_id")[:MAX_LETTERS])
    roots = {root or number for number, root in found}
    chain = Q(id__in=[number for number, _ in found]) | Q(id__in=roots) | Q(root_id__in=roots)
    letters = (
        DeadLetter.objects.filter(chain).select_related("topic").prefetch_related("actions").defer("raw", "edited")
    )
    return list(letters.order_by("id")[:MAX_LETTERS]) if found else []


def _place(found: Event | DeadLetter, here: Standing) -> Place | None:
    if here.ends is None or found.topic.kafka_id != here.ends.topic or found.offset < 0:
        return None
    return found.partition, found.offset, found.line


def _search(event_id: UUID, known: Known, here: Standing) -> Search | None:
    """Look from the first place known to the end of its partition, or through all that waits; None: Kafka is away."""
    if here.ends is None or here.known is None:
        return None
    stretches = {}
    for partition, (earliest, end) in here.ends.partitions.items():
        first = [offset for number, offset, _ in known.places if number == partition]
        done = here.snapshot.progress.get((here.ends.topic, partition))
        unread = done.next_offset if done else earliest
        if not known.places or first:
            stretches[partition] = (max(earliest, min(first, default=unread)), end)
    try:
        return topic_search.search(event_id, stretches)
    except (StoreUnavailable, NeedsOperator):
        return None


def _unknown(search: Search | None) -> Refused:
    if search is None:
        return Refused(
            Code.BROKER_UNAVAILABLE, "neither store knows this id, and Kafka can't be asked; ask again later"
        )
    if search.complete:
        return Refused(Code.NOT_FOUND, "no event of this id is stored, set aside or waiting")
    return Refused(
        Code.NOT_FOUND,
        f"no event of this id is stored or set aside, nor is it among the first {search.records} records that wait;"
        " there are more",
    )


def _laid_out(event_id: UUID, known: Known, copies: list[Copy], search: Search | None, here: Standing) -> Trace:
    waiting = [copy for copy in copies if not _is_read(copy, here)]
    sources = known.sources | {copy.source for copy in copies if copy.source}
    return {
        "eventId": str(event_id),
        "sourceId": min(sources, default=None),
        "outcome": _outcome(known, waiting),
        "steps": trace_steps.in_order(_steps(known, copies, waiting)),
        "lag": _lag_of(waiting[0].partition, here) if waiting else None,
        "search": None if search is None else _search_shape(search),
    }


def _steps(known: Known, copies: list[Copy], waiting: list[Copy]) -> list[list[Step]]:
    """Tell each copy's story by itself."""
    by_place = {(copy.partition, copy.offset, copy.line): copy for copy in copies}
    stories: list[list[Step]] = []
    for row, origin in known.findings.rows:
        copy = by_place.pop((origin["partition"], origin["offset"], origin["line"]), None)
        document = known.findings.state_of(row.source_id)
        stories.append(trace_steps.of_row(row, origin, copy, document=document))
    for letter in known.letters:
        copy = by_place.pop((letter.partition, letter.offset, letter.line), None)
        stories.append(trace_steps.of_letter(letter, copy))
    stories += [trace_steps.of_copy(copy, waits=copy in waiting) for copy in by_place.values()]
    return stories


def _outcome(known: Known, waiting: list[Copy]) -> Outcome:
    if known.findings.rows:
        return "stored"
    if waiting:
        return "in_flight"
    if any(letter.state not in _CLOSED for letter in known.letters):
        return "dead_lettered"
    if any(letter.state == DeadLetter.State.STORED for letter in known.letters):
        return "closed"
    return "discarded" if known.letters else "missing"


def _is_read(copy: Copy, here: Standing) -> bool:
    done = here.snapshot.progress.get((here.ends.topic, copy.partition)) if here.ends else None
    return done is not None and copy.offset < done.next_offset


def _lag_of(partition: int, here: Standing) -> LagShape | None:
    if here.ends is None or here.lags is None:
        return None
    shapes = pipeline.lag_shapes(here.ends, here.lags)
    return next((shape for shape in shapes if shape["partition"] == partition), None)


def _search_shape(search: Search) -> TraceSearch:
    return {"records": search.records, "seconds": round(search.seconds, 3), "complete": search.complete}
