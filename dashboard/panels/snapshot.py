"""The reads behind the pages and the live feed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dashboard.panels import notices, rates, status_line, verdict
from dashboard.panels.columns import SHOWN_VALUES, event_columns
from dashboard.panels.snapshot_types import Doors, Lag, Overview, SourceRow
from ingestion import problems
from ingestion.auth.read_scope import ReadScope
from queries import schemas
from queries.events import listing, stored_since
from queries.pipeline import dependencies, status
from queries.reads.postgres import ReadUnavailable
from queries.receivers import ingest_processes
from queries.request.filter_line.terms import EVERYTHING_PASSES, FilterLine
from queries.request.query_params import InvalidParameter
from queries.request.times import parse_time
from queries.schemas import EventShape, FieldShape, LagShape, SourceShape, Stores
from queries.sources import lists

SOURCE_ROWS = 8  # of the overview
EVENT_ROWS = 20
GAP_ROWS = 50  # as many as a frame of a tail
REASON_ROWS = 5
FILTERED_SINCE = timedelta(hours=1)  # how far back events of all sources are looked into, to start a tail


class Unknown(Exception):
    """The stores do not answer; show the panel as unknown and read again later."""


def milliseconds(text: str) -> int:
    """Return an RFC 3339 time as milliseconds since the epoch."""
    return round(parse_time(text).timestamp() * 1000)


def total_lag(lag: list[LagShape] | None) -> Lag | None:
    """Return the lag over all partitions; `seconds` is that of the partition furthest behind."""
    if lag is None:
        return None
    seconds = [partition["seconds"] for partition in lag if partition["records"]]
    known = [age for age in seconds if age is not None]
    return {
        "records": sum(partition["records"] for partition in lag),
        "seconds": (max(known) if known else None) if seconds else 0.0,
    }


def receivers(counted: schemas.Doors | None) -> Doors | None:
    """Return the receivers' counters with the most frequent reasons of rejection, in words."""
    if counted is None:
        return None
    frequent = sorted(counted["refused"].items(), key=lambda item: (-item[1], item[0]))[:REASON_ROWS]
    return {
        "acceptedPerSecond": counted["acceptedPerSecond"],
        "accepted": counted["accepted"],
        "refused": sum(counted["refused"].values()),
        "reasons": [{"code": code, "meaning": problems.in_words(code), "count": count} for code, count in frequent],
        "processes": counted["processes"],
    }


def source_row(source: SourceShape) -> SourceRow:
    """Return one row of a list of sources."""
    return {
        "sourceId": source["sourceId"],
        "lastSeen": milliseconds(source["lastSeen"]),
        "events": source["events"],
        "values": latest_values(source["fields"]),
    }


def latest_values(fields: list[FieldShape]) -> dict[str, float]:
    """Return the latest values of the first few fields, by name."""
    ordered = sorted(fields, key=lambda field: field["name"])
    return {field["name"]: field["latest"] for field in ordered[:SHOWN_VALUES]}


def overview(*, scope: ReadScope) -> Overview:
    """Read the state of the whole pipeline; unknown parts are None. Blocks up to some seconds."""
    try:
        return _whole_overview(scope)
    except status.LedgerUnavailable as error:
        return unknown_overview(error.states, scope=scope)
    except ReadUnavailable:
        return unknown_overview(dependencies.states(), scope=scope)


def _whole_overview(scope: ReadScope) -> Overview:
    line, heard = status.read(scope=scope), lists.recent(count=SOURCE_ROWS, scope=scope)
    return {
        "at": milliseconds(line["at"]),
        "notices": [*notices.of_scope(scope), *notices.of_line(line)],
        "status": status_line.of_line(line, scope=scope),
        "ledger": line["ledger"],
        "told": verdict.told(line),
        "verdict": verdict.verdict(line),
        "rates": rates.UNKNOWN,
        "lag": total_lag(line["lag"]),
        "consumers": line["consumers"],
        "doors": receivers(line["doors"]),
        "stores": line["stores"],
        "sources": [source_row(source) for source in heard],
    }


def unknown_overview(states: Stores | None, *, scope: ReadScope) -> Overview:
    """Return a sample without the ledger: only the states of servers and receivers are known."""
    asked = states is not None and states["redis"]["state"] == "up"
    return {
        "at": time.time_ns() // 1_000_000,
        "notices": [] if states is None else notices.of_stores(states),
        "status": status_line.of_stores(states),
        "ledger": None,
        "told": None,
        "verdict": None,
        "rates": rates.UNKNOWN,
        "lag": None,
        "consumers": None,
        "doors": receivers(ingest_processes.read(scope=scope)) if asked else None,
        "stores": states,
        "sources": None,
    }


def newest_events(source_id: str | None, *, scope: ReadScope, line: FilterLine = EVERYTHING_PASSES) -> list[EventShape]:
    """Return the newest events, oldest first, in the order of the live feed.

    :param source_id: None: of all sources in the scope
    :param line: that they pass
    :raises Unknown: PostgreSQL does not answer, or can't find them in time
    """
    try:
        looks_far = line.inner and line.patterns is None
        since = datetime.now(tz=UTC) - FILTERED_SINCE if looks_far else None
        return listing.newest(count=EVENT_ROWS, scope=scope.narrowed(source_id), line=line, since=since)[::-1]
    except (ReadUnavailable, InvalidParameter) as error:
        raise Unknown from error


def tail(
    source_id: str | None, *, scope: ReadScope, line: FilterLine = EVERYTHING_PASSES, chosen: Sequence[str] = ()
) -> dict[str, object]:
    """Return the first message of the channel `tail`.

    :param chosen: paths of fields, whose texts come with the events
    :raises Unknown: PostgreSQL does not answer
    """
    found = newest_events(source_id, scope=scope, line=line)
    return {"seen": None, "stored": None, "looked": 0, "shown": len(found), "columns": event_columns(found, chosen)}


def tail_gap(
    since: datetime,
    source_id: str | None,
    *,
    scope: ReadScope,
    line: FilterLine = EVERYTHING_PASSES,
    chosen: Sequence[str] = (),
) -> dict[str, object]:
    """Return what a tail has missed since the `storedAt` of its last event; `seen` is null past some thousands.

    :raises Unknown: PostgreSQL does not answer, or can't find it in time
    """
    try:
        found = stored_since.read(since, line=line, scope=scope.narrowed(source_id), rows=GAP_ROWS)
    except (ReadUnavailable, InvalidParameter) as error:
        raise Unknown from error
    seen = found.count if found.counted else None
    return {
        "seen": seen,
        "stored": seen,
        "looked": len(found.events),
        "atLeast": found.count,
        "shown": len(found.events),
        "columns": event_columns(found.events, chosen),
    }
