"""Reads one event for its page: its row, what was sent, its trace, and the events of its source beside it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from dashboard.pages.events import payload_tree
from dashboard.pages.events.payload_tree import Tree
from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code, RequestRejected
from processing.stores.mongodb.stored_events import plain_payload
from queries.events import detail, neighbours
from queries.events.detail import EventNotFound, EventUncertain
from queries.events.neighbours import Neighbours
from queries.reads.postgres import ReadUnavailable
from queries.request.times import parse_time
from queries.schemas import EventDetail, Trace
from queries.trace import trace

NOBODY = Neighbours(None, None)
NO_POSTGRESQL = "PostgreSQL does not answer. Loading the page again asks again."
NO_MONGODB = "MongoDB, which leads to the event, does not answer or is being restored."


class NoSuchEvent(Exception):
    """Nothing has this id in the scope; the message says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one event."""

    event: EventDetail | None  # None: it is not stored, or that can't be known
    trace: Trace | None
    problem: str = ""  # what can't be known, and why
    beside: Neighbours = NOBODY

    @property
    def row(self) -> Tree | None:
        """Return its payload as it is stored."""
        return None if self.event is None else payload_tree.of(self.event["payload"])

    @property
    def document(self) -> Tree | None:
        """Return its payload as it was sent."""
        if self.event is None or self.event["document"] is None:
            return None
        return payload_tree.of(plain_payload(self.event["document"]["payload"]))


def read(source_id: str, event_id: UUID, *, scope: ReadScope, raw: bool) -> Found:
    """Read one event.

    :param raw: the reader may read raw documents
    :raises NoSuchEvent: there is none
    """
    try:
        event = _event(source_id, event_id, scope=scope, raw=raw)
        found = trace.read(event_id, source_id=source_id, scope=scope, raw=raw)
        beside = _beside(event, scope)
    except ReadUnavailable:
        return Found(None, None, NO_POSTGRESQL)
    except EventUncertain:
        return Found(None, None, NO_MONGODB)
    except RequestRejected as error:
        if error.code is Code.NOT_FOUND:
            raise NoSuchEvent(error.detail) from error
        return Found(None, None, error.detail)
    return Found(event, found, "", beside)


def _event(source_id: str, event_id: UUID, *, scope: ReadScope, raw: bool) -> EventDetail | None:
    try:
        return detail.read(event_id, source_id=source_id, scope=scope, raw=raw)
    except (EventNotFound, EventUncertain):
        # The trace knows of dead letters, of what waits, and of what can't be known.
        return None


def _beside(event: EventDetail | None, scope: ReadScope) -> Neighbours:
    if event is None:
        return NOBODY
    ts, event_id = parse_time(event["timestamp"]), UUID(event["eventId"])
    return neighbours.read(event["sourceId"], ts=ts, event_id=event_id, scope=scope)
