"""Incidents: those that are open, and past ones, newest first."""

from __future__ import annotations

from typing import TypedDict

from ingestion.auth.read_scope import ReadScope
from processing.ledger import incidents
from processing.models import Incident
from queries.reads import postgres
from queries.request import id_pagination
from queries.request.id_pagination import IdCursor, IdPage
from queries.request.pagination import CursorPage
from queries.request.query_params import Parameters
from queries.request.times import format_time

MOST_OPEN = 100
PARAMETERS = ("kind", "cursor", "limit")


class IncidentCursor(IdCursor, frozen=True):
    """A position in the list of past incidents."""


class IncidentDetail(TypedDict):
    """One incident."""

    id: int
    kind: str
    subject: str
    detail: str
    since: str
    lastSeen: str
    count: int
    until: str | None  # None: it is open
    acknowledgedAt: str | None
    acknowledgedBy: str


def open_now(*, scope: ReadScope) -> list[IncidentDetail]:
    """Return the open incidents, those that nobody has acknowledged first; a reader of some sources gets none.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    if not scope.whole:
        return []
    with postgres.bounded():
        rows = list(incidents.open_incidents()[:MOST_OPEN])
    return [shape(row) for row in sorted(rows, key=lambda row: row.acknowledged_at is not None)]


def past(parameters: Parameters, *, scope: ReadScope) -> CursorPage[IncidentDetail]:
    """Read one page of the incidents that are over.

    :raises InvalidParameter: a value can't be used
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    kind = parameters.choice("kind", Incident.Kind.values)
    rows = Incident.objects.filter(until__isnull=False, **({} if kind is None else {"kind": kind}))
    if not scope.whole:
        rows = rows.none()
    return id_pagination.page(rows, IdPage.from_parameters(parameters, IncidentCursor), shape=shape)


def shape(row: Incident) -> IncidentDetail:
    """Return an incident as JSON."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "subject": row.subject,
        "detail": row.detail,
        "since": format_time(row.since),
        "lastSeen": format_time(row.last_seen),
        "count": row.count,
        "until": None if row.until is None else format_time(row.until),
        "acknowledgedAt": None if row.acknowledged_at is None else format_time(row.acknowledged_at),
        "acknowledgedBy": row.acknowledged_by,
    }
