"""What a text of the search box names: looked for step by step, and told where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypedDict
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from dashboard.pages.events import rows
from dashboard.pages.events.rows import EventRow
from ingestion.auth.read_scope import ReadScope
from ingestion.events.model import SOURCE_ID_PATTERN
from ingestion.problems import Code, RequestRejected
from processing.models import DeadLetter, SourceStatistics
from queries.events import listing
from queries.events.detail import AmbiguousEvent, EventUncertain
from queries.reads import postgres
from queries.reads.postgres import QueryTimeout, ReadUnavailable
from queries.request.filter_line import writing
from queries.request.filter_line.terms import FilterLine, WordTerm
from queries.trace import trace

DAYS = 7  # of events that are looked into
MAX_SOURCES = 20
MAX_EVENTS = 20
MAX_TEXT = 200  # characters

_NUMBER = re.compile(r"#?([0-9]{1,18})", re.ASCII)


class Source(TypedDict):
    """A source with the text in its id."""

    sourceId: str
    address: str


@dataclass(slots=True)
class Finds:
    """What was found, and where it was looked for."""

    to: str | None = None  # the address of the one thing that the text names
    sources: list[Source] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    events_address: str = ""  # of all of them
    looked: list[str] = field(default_factory=list)  # sentences


def find(text: str, *, scope: ReadScope, now: datetime) -> Finds:
    """Look for what a text names: an event, a dead letter or a source; else for sources and events that contain it."""
    found = Finds()
    for named in _named(text, scope, found):
        if named is not None:
            found.to = named
            return found
    if not found.sources:
        found.sources = _sources(text, scope, found)
    _look_into_events(text, scope, found, now)
    return found


def _named(text: str, scope: ReadScope, found: Finds) -> Iterator[str | None]:
    try:
        yield _event(UUID(text), scope, found)
    except ValueError:
        pass
    number = _NUMBER.fullmatch(text)
    if number is not None:
        yield _letter(int(number[1]), scope, found)
    if SOURCE_ID_PATTERN.fullmatch(text):
        yield _source(text, scope, found)


def _event(event_id: UUID, scope: ReadScope, found: Finds) -> str | None:
    try:
        traced = trace.read(event_id, source_id=None, scope=scope, raw=False)
    except AmbiguousEvent as error:
        found.looked.append("Several sources have an event with this id.")
        found.sources = [{"sourceId": source, "address": _event_address(source, event_id)} for source in error.sources]
        return None
    except RequestRejected as error:
        found.looked.append(
            f"Events: {error.detail}." if error.code is Code.NOT_FOUND else f"Events: not known; {error.detail}."
        )
        return None
    except (EventUncertain, ReadUnavailable):
        found.looked.append("Events: not known, since a store does not answer or is being restored.")
        return None
    if traced["sourceId"]:
        return _event_address(traced["sourceId"], event_id)
    letters = [step["letter"] for step in traced["steps"] if step["letter"] is not None]
    return f"/dead-letters/{letters[-1]}/" if letters else None


def _event_address(source_id: str, event_id: UUID) -> str:
    return reverse("event", args=[source_id, event_id])


def _letter(number: int, scope: ReadScope, found: Finds) -> str | None:
    try:
        with postgres.bounded():
            if DeadLetter.objects.filter(pk=number, **scope.lookup()).exists():
                return f"/dead-letters/{number}/"
        found.looked.append(f"No dead letter has the number {number}.")
    except ReadUnavailable:
        found.looked.append("Dead letters: not known, since PostgreSQL does not answer.")
    return None


def _source(text: str, scope: ReadScope, found: Finds) -> str | None:
    try:
        with postgres.bounded():
            known = SourceStatistics.objects.filter(source_id=text, **scope.lookup()).exists()
    except ReadUnavailable:
        return None
    if known:
        return reverse("source", args=[text])
    found.looked.append("No source has exactly this name.")
    return None


def _sources(text: str, scope: ReadScope, found: Finds) -> list[Source]:
    try:
        with postgres.bounded():
            named = SourceStatistics.objects.filter(source_id__icontains=text, **scope.lookup()).exclude(source_id="")
            ids = list(named.order_by("source_id").values_list("source_id", flat=True)[: MAX_SOURCES + 1])
    except ReadUnavailable:
        found.looked.append("Sources: not known, since PostgreSQL does not answer.")
        return []
    more = f"; the first {MAX_SOURCES} are shown" if len(ids) > MAX_SOURCES else ""
    found.looked.append(f"Sources with this in their name: {'some' if ids else 'none'}{more}.")
    return [{"sourceId": each, "address": reverse("source", args=[each])} for each in ids[:MAX_SOURCES]]


def _look_into_events(text: str, scope: ReadScope, found: Finds, now: datetime) -> None:
    line = FilterLine((WordTerm(text),))
    found.events_address = f"{reverse('events')}?{urlencode({'filter': writing.write(line), 'start': f'now-{DAYS}d'})}"
    try:
        newest = listing.newest(count=MAX_EVENTS, scope=scope, line=line, since=now - timedelta(days=DAYS))
    except QueryTimeout:
        found.looked.append(f"Events of the last {DAYS} days: too many to be looked through in time.")
        return
    except ReadUnavailable:
        found.looked.append(f"Events of the last {DAYS} days: not looked through within {postgres.READ_TIMEOUT:.0f} s.")
        return
    found.looked.append(
        f"Events with this value or text, of the last {DAYS} days of event time: the newest {MAX_EVENTS} at most."
    )
    found.events = [
        rows.row(
            event["eventId"],
            event["sourceId"],
            times=(event["timestamp"], event["storedAt"]),
            payload=event["payload"],
            tags=event["tags"],
            chosen=(),
        )
        for event in newest
    ]
