"""The ledger by minute and source, each term of its equation with a link to what it counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypedDict

from dashboard.panels.tables import Cell, cell, letters_link, received_letters_link, received_link, source_link
from ingestion.auth.read_scope import ReadScope
from processing.ledger.ledger import Equation
from queries.pipeline import ledger_minutes
from queries.pipeline.ledger_minutes import LedgerPage, MinutesQuery
from queries.request.times import format_time, parse_time
from queries.schemas import LostRecordsShape, MinuteEquation, RefusedMinute

# Names of the terms, in the order of the equation: accepted = the others together.
TERMS = ("accepted", "stored", "duplicate", "dead-lettered", "dropped", "in flight", "unaccounted")


class LedgerRow(TypedDict):
    """A minute, or a packed hour, of one source."""

    minute: str
    seconds: int
    source: Cell
    terms: list[Cell]


class LedgerView(TypedDict):
    """One page of the ledger."""

    at: str
    total: Equation
    terms: list[Cell]  # of the total
    rows: list[LedgerRow]
    next: str | None
    previous: str | None
    rejected: list[RefusedMinute] | None
    gaps: list[LostRecordsShape]


def read(query: MinutesQuery, *, scope: ReadScope, now: datetime) -> LedgerView:
    """Read one page.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    found = ledger_minutes.page(query, scope=scope, now=now)
    named = query.source_id is not None and scope.includes(query.source_id)
    return _view(found, query.source_id if named else None)


def _view(found: LedgerPage, source: str | None) -> LedgerView:
    """Return a page as its template takes it.

    :param source: that was asked for, if the reader may see it
    """
    letters = letters_link(source_id=source)
    return {
        "at": format_time(found.at),
        "total": found.total,
        "terms": _terms(
            found.total, events="/events/" if source is None else f"{source_link(source)}", letters=letters
        ),
        "rows": [_row(each) for each in found.minutes.results],
        "next": found.minutes.next,
        "previous": found.minutes.previous,
        "rejected": found.rejected,
        "gaps": found.gaps,
    }


def _row(row: MinuteEquation) -> LedgerRow:
    source = row["sourceId"]
    end = format_time(parse_time(row["minute"]) + timedelta(seconds=row["seconds"]))
    # No event of a source that can't be read is stored.
    events = None if source is None else received_link(source, row["minute"], end)
    return {
        "minute": row["minute"],
        "seconds": row["seconds"],
        "source": cell("unreadable") if source is None else cell(source, source_link(source)),
        "terms": _terms(row, events=events, letters=received_letters_link(source or "", row["minute"], end)),
    }


def _terms(of: Equation | MinuteEquation, *, events: str | None, letters: str) -> list[Cell]:
    """Return the terms. A link shows exactly what its term counts; what is accepted may be events, letters and neither."""
    return [
        cell(of["accepted"], events if of["accepted"] == of["stored"] else None),
        cell(of["stored"], events),
        cell(of["duplicate"]),
        cell(of["deadLettered"], letters),
        cell(of["dropped"], "/logic/"),
        cell(of["inFlight"], "/pipeline/#partitions"),
        cell(of["unaccounted"], "/pipeline/#reconcile"),
    ]
