"""Reads a page of stored events, and how many there are over its range."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

import msgspec

from dashboard.pages.events import bars, rows
from dashboard.pages.events.bars import Bars
from dashboard.pages.events.rows import EventRow, Offered
from dashboard.pages.events.wanted import Wanted
from ingestion.auth.read_scope import ReadScope
from processing.stores.jsonb import load_payload
from queries.events import histogram, listing
from queries.events.query import EventQuery
from queries.reads.postgres import QueryTimeout, ReadUnavailable
from queries.request.query_params import InvalidParameter
from queries.schemas import EventShape


class History(TypedDict):
    """A page of stored events, as the twin has it."""

    start: str | None
    end: str | None
    events: list[EventShape]
    next: str | None
    previous: str | None
    histogram: Bars | None  # None: not known, or there are too many events to count them in time


@dataclass(frozen=True, slots=True)
class Explored:
    """A page of stored events with what its template shows of them."""

    history: History
    rows: list[EventRow]
    offered: list[Offered]
    problem: str = ""  # why there is nothing, in words
    is_unknown: bool = False  # PostgreSQL does not answer


NOTHING: History = {"start": None, "end": None, "events": [], "next": None, "previous": None, "histogram": None}
SLOW = "This takes longer than 5 seconds. Name a source, or choose a shorter range of time."


def read(wanted: Wanted, *, scope: ReadScope, now: datetime) -> Explored:
    """Read one page; what can't be read is said in words."""
    try:
        query = wanted.query(now=now)
        return _read(wanted, query, scope, now)
    except InvalidParameter as error:
        return Explored(NOTHING, [], [], error.detail)
    except QueryTimeout:
        return Explored(NOTHING, [], [], SLOW)
    except ReadUnavailable:
        return Explored(NOTHING, [], [], is_unknown=True)


def _read(wanted: Wanted, query: EventQuery, scope: ReadScope, now: datetime) -> Explored:
    subject = query.selection.subject(scope)
    found = listing.page(query, subject.sources, now=now).page
    payloads = [load_payload(msgspec.json.encode(event["payload"]).decode()) for event in found.results]
    shown = [
        rows.row(
            event["eventId"],
            event["sourceId"],
            times=(event["timestamp"], event["storedAt"]),
            payload=payload,
            tags=event["tags"],
            chosen=wanted.columns,
        )
        for event, payload in zip(found.results, payloads, strict=True)
    ]
    drawn = _bars(wanted, query, scope, now)
    history: History = {
        "start": drawn["start"] if drawn else None,
        "end": drawn["end"] if drawn else None,
        "events": found.results,
        "next": found.next,
        "previous": found.previous,
        "histogram": drawn,
    }
    return Explored(history, shown, rows.offered(payloads, wanted.columns))


def _bars(wanted: Wanted, query: EventQuery, scope: ReadScope, now: datetime) -> Bars | None:
    selection = query.selection
    start, end = histogram.of(selection)
    try:
        counted = histogram.read(selection, selection.subject(scope), now=now)
    except ReadUnavailable:
        return None
    return bars.of(counted, wanted, start=start, end=end)
