"""The dead letters of one event: of many with the same id the first and the newest, and how many there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Q

from ingestion.auth.read_scope import ReadScope
from processing.dead_letters import rendering
from processing.events.positions import LinePosition
from processing.models import DeadLetter

FIRST, NEWEST = 5, 5  # letters with the same id that are shown; a gateway may give all its events one
MOST_COUNTED = 100_000
MOST_CHAINED = 50  # of their predecessors and successors
CLOSED = (DeadLetter.State.STORED, DeadLetter.State.DISCARDED)

_OWN = """
WITH own AS MATERIALIZED (SELECT id, state, source_id FROM dead_letter WHERE event_id = %s AND {within} LIMIT {most})
SELECT (SELECT count(*) FROM own),
       ARRAY(SELECT id FROM own ORDER BY id LIMIT {first}),
       ARRAY(SELECT id FROM own ORDER BY id DESC LIMIT {newest}),
       ARRAY(SELECT max(id) FROM own WHERE state = 'stored' HAVING max(id) IS NOT NULL),
       ARRAY(SELECT DISTINCT source_id FROM own ORDER BY 1 LIMIT 100),
       EXISTS (SELECT FROM own WHERE state <> ALL (%s))
"""


@dataclass(frozen=True, slots=True)
class EventLetters:
    """What is known of the letters of an event."""

    shown: list[DeadLetter]  # with their predecessors and successors, oldest first
    left_out: int = 0
    is_more: bool = False  # there are more than MOST_COUNTED
    any_open: bool = False  # one waits for somebody, shown or not
    sources: frozenset[str] = frozenset()  # of all that have its id

    def __bool__(self) -> bool:
        return bool(self.shown)


@dataclass(frozen=True, slots=True)
class _Own:
    """The letters that have the event's id."""

    numbers: list[int]
    count: int
    sources: list[str]
    any_open: bool


def read(event_id: UUID, scope: ReadScope, *, chain_scope: ReadScope, sources: Collection[str]) -> EventLetters:
    """Return the letters of an event, with their predecessors and successors.

    :param chain_scope: of these, which an edit may have moved to another source
    :param sources: those of its rows, which an edited letter may have led to
    """
    own = _own(event_id, scope)
    of_own = DeadLetter.objects.filter(id__in=own.numbers)
    found: list[tuple[int, int | None]] = list(of_own.values_list("id", "root_id"))
    edited = DeadLetter.objects.filter(sent_id=event_id, **chain_scope.lookup()).only("id", "root_id", "edited")
    found += [
        (letter.pk, letter.root_id)
        for letter in edited[:MOST_CHAINED]
        if {line.source for line in rendering.parse_lines(bytes(letter.edited or b""))} & set(sources)
    ]
    if not found:
        return EventLetters([])
    shown = _chains(found, chain_scope)
    return EventLetters(
        shown=shown,
        left_out=min(own.count, MOST_COUNTED) - len(own.numbers),
        is_more=own.count > MOST_COUNTED,
        any_open=own.any_open or any(letter.state not in CLOSED for letter in shown),
        sources=frozenset(own.sources),
    )


def at(positions: Iterable[LinePosition], event_id: UUID, *, topic: UUID) -> set[LinePosition]:
    """Return those of some positions at which there is a letter of the event."""
    offsets = {position.offset for position in positions}
    found = DeadLetter.objects.filter(topic__kafka_id=topic, event_id=event_id, offset__in=offsets)
    return {LinePosition(*each) for each in found.values_list("partition", "offset", "line")}


def _own(event_id: UUID, scope: ReadScope) -> _Own:
    within, values = scope.condition()
    statement = _OWN.format(within=within, most=MOST_COUNTED + 1, first=FIRST, newest=NEWEST)
    with connection.cursor() as cursor:
        cursor.execute(statement, [event_id, *values, list(CLOSED)])
        count, first, newest, stored, sources, any_open = cursor.fetchone() or (0, [], [], [], [], False)
    return _Own(sorted({*first, *newest, *stored}), count, sources, any_open)


def _chains(found: Iterable[tuple[int, int | None]], scope: ReadScope) -> list[DeadLetter]:
    roots = {root or number for number, root in found}
    chain = Q(id__in=[number for number, _ in found]) | Q(id__in=roots) | Q(root_id__in=roots)
    letters = (
        DeadLetter.objects.filter(chain, **scope.lookup())
        .select_related("topic")
        .prefetch_related("actions")
        .defer("raw", "edited")
    )
    return list(letters.order_by("id")[:MOST_CHAINED])
