"""Keeps queries that look into events from reading all of them: what restricts them is required."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code
from processing.stores.fields import indexes
from queries.reads.condition import TRUE, Condition
from queries.request.query_params import InvalidParameter
from queries.request.selection import Selection
from queries.request.times import format_time, shifted

# Of filters that an index answers.
_INDEXED = frozenset({"eq", "in", "gt", "gte", "lt", "lte"})


def check(selection: Selection, within: ReadScope, *, now: datetime) -> Condition:
    """Return what a query has to say besides, so that a declared index serves it.

    :param within: the sources of the query
    :raises InvalidParameter: it would look into the events of all sources, of a longer time than is allowed
    """
    if not selection.looks_into_events:
        return TRUE
    for wanted in (*selection.filters, *selection.line.filters):
        served = indexes.serving(wanted.path, sources=within.sources) if wanted.operator in _INDEXED else None
        if served is not None:
            return TRUE if served == "true" else Condition(served, [])
    if within.sources is None and not _is_short(selection, now):
        raise _too_wide(selection, now)
    return TRUE


def _is_short(selection: Selection, now: datetime) -> bool:
    spans = ((selection.start, selection.end), (selection.received_start, selection.received_end))
    return any(start is not None and (end or now) - start <= _most() for start, end in spans)


def _too_wide(selection: Selection, now: datetime) -> InvalidParameter:
    end = selection.end or now.replace(microsecond=0)
    parameter = _first_of(selection)
    return InvalidParameter(
        parameter,
        f"{parameter}: this looks into events, so it needs a source_id, a range of time of at most "
        f"{_most().days} days or an index declared for the field; the nearest query that is allowed has "
        f"start_time={format_time(shifted(end, -_most()))}&end_time={format_time(end)}",
        code=Code.QUERY_TOO_WIDE,
    )


def _first_of(selection: Selection) -> str:
    """Return the first parameter that looks into events."""
    if selection.filters:
        return "field"
    if selection.line.inner:
        return "filter"
    return "tag" if selection.tags or selection.other_tags else "received_start"


def _most() -> timedelta:
    return timedelta(days=settings.DATAFLOW_MAX_SCAN_DAYS)
