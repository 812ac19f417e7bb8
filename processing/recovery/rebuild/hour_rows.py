"""Rolls up the rows of some hours: all their fields, or some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import psycopg

from ingestion.events import timestamps
from processing.events import fields
from processing.events.entries import Entries
from processing.events.fields import MAX_FIELDS
from processing.events.rollups import MINUTES_PER_HOUR, Spans, by_minute, merge
from processing.stores.jsonb import load_payload

_HOUR = 3_600_000_000  # microseconds
_ROWS_PER_FETCH = 250  # with payloads of up to 256 KiB each

WITHIN = "{0}.source_id = h.source_id AND {0}.{1} >= h.hour AND {0}.{1} < h.hour + interval '1 hour'"
_ROWS = f"""
SELECT e.source_id, (extract(epoch FROM e.ts) * 1000000)::bigint, uuid_send(e.id), e.payload::text
FROM refreshed_hour h JOIN events e ON {WITHIN.format("e", "ts")} WHERE e.rollup_cut IS NOT TRUE
"""  # noqa: S608 - constants only

Hour = tuple[str, Any, list[str] | None]  # source, start of the hour, the fields to be computed (None: all)


class _Wanted(NamedTuple):
    """Some fields, and the members of payloads that they are in."""

    fields: frozenset[str]
    members: frozenset[str]


def minutes(connection: psycopg.Connection, hours: Iterable[Hour]) -> Spans:
    """Roll up the rows of hours by minute.

    :param hours: those of the table `refreshed_hour`
    """
    wanted = _wanted(hours)
    found: Spans = {}
    with connection.cursor("rows_of_hours", binary=True) as cursor:
        cursor.execute(_ROWS)
        while rows := cursor.fetchmany(_ROWS_PER_FETCH):
            merge(found, _of_fields(by_minute(_entries(rows, wanted)), wanted))
    return found


def _wanted(hours: Iterable[Hour]) -> dict[tuple[str, int], _Wanted | None]:
    known: dict[frozenset[str], _Wanted] = {}
    found: dict[tuple[str, int], _Wanted | None] = {}
    for source, hour, names in hours:
        some = None
        if names is not None:
            key = frozenset(names)
            some = known.setdefault(key, _Wanted(key, frozenset(fields.split(name)[0] for name in key)))
        found[source, timestamps.to_micros(hour) // _HOUR] = some
    return found


def _entries(rows: Sequence[Any], wanted: dict[tuple[str, int], _Wanted | None]) -> Entries:
    """Return as much of the events as a rollup needs."""
    sources, times, ids, payloads = map(list, zip(*rows, strict=True))
    values = [
        _values(payload, wanted[source, ts // _HOUR])
        for source, ts, payload in zip(sources, times, payloads, strict=True)
    ]
    count = len(rows)
    zeros = [0] * count
    return Entries(
        keys=ids, texts=[""] * count, sources=sources, times=times, received=zeros, payloads=[b""] * count, values=values,
        hashes=zeros, partitions=zeros, offsets=zeros, lines=zeros, timed=[True] * count, attributes=[b""] * count,
        rolled=[True] * count, made=[None] * count,
    )  # fmt: skip


def _values(payload: str, wanted: _Wanted | None) -> dict[str, object]:
    """Return a payload without what is not to be computed, which takes most of the time."""
    values = load_payload(payload)
    # With more fields than are rolled up, it depends on all of them which are.
    if wanted is None or payload.count(":") > MAX_FIELDS:
        return values
    return {name: values[name] for name in wanted.members if name in values}


def _of_fields(minutes: Spans, wanted: dict[tuple[str, int], _Wanted | None]) -> Spans:
    """Return the rollups of the fields that are to be computed."""
    found: Spans = {}
    for (source, minute), spans in minutes.items():
        some = wanted[source, minute // MINUTES_PER_HOUR]
        own = spans if some is None else {name: span for name, span in spans.items() if name in some.fields}
        if own:
            found[source, minute] = own
    return found
