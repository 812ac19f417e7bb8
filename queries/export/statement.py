"""The SQL of an export, and what keeps PostgreSQL from sorting all of its rows before it sends the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg

from ingestion.auth.read_scope import ReadScope
from processing.stores.fields import values as field_values
from queries.events import conditions
from queries.events.listing import MAX_MERGED
from queries.export.query import ExportQuery
from queries.reads.condition import Argument, Condition, all_of, of_scope

# Rows that may be sorted, if the planner thinks that it is faster: those that a declared index finds.
MAX_SORTED = 50_000

# Of each row, before the payload or its fields. The tags are NULL if there are none.
COLUMNS = ("id", "source_id", "ts", "received", "stored", "tags")
_TIMES = ("ts", "received", "stored")
_FOUND = "source_id, ts, id, received, stored, payload, tags"


def copy(
    query: ExportQuery, within: ReadScope, served: Condition, *, connection: psycopg.Connection, micros: bool
) -> str:
    """Return the statement that copies the rows to the client as text, NULL as nothing.

    The order is that of GET /data: by event time, then source and id.

    :param micros: times are microseconds since the epoch, as 64 bits in hexadecimal, and not texts
    """
    direction = query.order.upper()
    order = f"ORDER BY ts {direction}, source_id {direction}, id {direction}"
    rows, values = _rows(query, within, served, order)
    select = f"SELECT {', '.join(_expressions(query, micros=micros))} FROM {rows} {order}"  # noqa: S608 - made of constants
    # COPY takes no parameters, so their values are written into it, as literals.
    text = psycopg.ClientCursor(connection).mogrify(select, values)
    # By source and time an index has the order.
    if not query.selection.looks_into_events or not _streams(connection, text):
        connection.execute("SET LOCAL enable_sort = off")
    return f"COPY ({text}) TO STDOUT (NULL '')"


def width(query: ExportQuery) -> int:
    """Return how many columns it has."""
    return len(list(_expressions(query, micros=False)))


def _expressions(query: ExportQuery, *, micros: bool) -> Iterator[str]:
    for column in COLUMNS:
        if column == "tags":
            yield "array_to_json(tags)"
        elif micros and column in _TIMES:
            # PostgreSQL counts from 2000 on. As a number it would be a `numeric` first, which takes twice as long.
            yield f"encode(timestamptz_send({column} + interval '946684800 s'), 'hex')"
        else:
            yield column
    if query.fields is None or query.format.needs_whole_payload:
        yield "payload"
    else:
        yield from map(field_values.raw, query.fields)


def _rows(query: ExportQuery, within: ReadScope, served: Condition, order: str) -> tuple[str, list[Argument]]:
    where = all_of(conditions.of(query.selection), served)
    if within.sources is None or not 1 < len(within.sources) <= MAX_MERGED:
        own = all_of(of_scope(within), where)
        return f"events WHERE {own.text}", own.values
    # Each source by the index on (source_id, ts, id), merged: the index on `ts` would lead through the events of all others.
    each = f"(SELECT {_FOUND} FROM events WHERE source_id = %s AND {where.text} {order})"  # noqa: S608
    values = [value for source in sorted(within.sources) for value in (source, *where.values)]
    return f"({' UNION ALL '.join([each] * len(within.sources))}) AS found", values


def _streams(connection: psycopg.Connection, text: str) -> bool:
    """Return whether the plan sorts few rows or none: COPY is planned for its last row, not for its first."""
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {text}").fetchone()
    assert row is not None
    return all(node["Plan Rows"] <= MAX_SORTED for node in _nodes(row[0]) if node["Node Type"] == "Sort")


def _nodes(plans: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for plan in plans:
        node = plan.get("Plan", plan)
        yield node
        yield from _nodes(node.get("Plans", ()))
