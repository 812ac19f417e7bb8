"""The states of a source: how long its text and boolean fields kept each value over a range of event time."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypedDict

from django.db import connection, transaction

from ingestion.auth.read_scope import ReadScope
from processing.events.fields import split
from queries.reads import cache, postgres
from queries.request.times import to_micros

MAX_EVENTS = 10_000  # that are read one by one; of more, a few of each of SAMPLES spans
MAX_BYTES = 16 * 1024 * 1024  # of their payloads, as they are stored
SAMPLES = 200
EACH = 10  # events of a span, at most
TOP = 6  # values of a field that are told apart; further ones are one
MAX_TEXT = 200  # characters of a value
KEPT_SHARE, KEPT_LEAST, KEPT_MOST = 1 / 240, 2.0, 60.0  # of the range that an answer is kept for; seconds
MAX_MILLISECONDS = 2_000  # of a statement: a page shows its charts without states rather than late

_SIZE = """
SELECT count(*), coalesce(sum(size), 0) FROM (
    SELECT pg_column_size(payload) AS size FROM events WHERE {own} AND ts >= %(start)s AND ts < %(end)s
    ORDER BY ts LIMIT %(most)s
) AS newest
"""
_ALL = "SELECT ts, id, payload FROM events WHERE {own} AND ts >= %(start)s AND ts < %(end)s"
_SAMPLE = """
SELECT found.ts, found.id, found.payload
FROM generate_series(0, %(samples)s - 1) AS number, LATERAL (
    SELECT ts, id, payload FROM events
    WHERE {own} AND ts >= %(start)s + number * make_interval(secs => %(width)s)
        AND ts < %(start)s + (number + 1) * make_interval(secs => %(width)s)
    ORDER BY ts, id LIMIT %(each)s
) AS found
"""
# A run ends with another value, or with a distance that is long for its field. `top` keeps the most frequent values.
_RUNS = """
WITH field AS (SELECT number::int, path::text[] FROM unnest(%(paths)s::text[]) WITH ORDINALITY AS given(path, number)),
read AS MATERIALIZED (
    ({events})
    UNION ALL (SELECT ts, id, payload FROM events WHERE {own} AND ts < %(start)s ORDER BY ts DESC, id DESC LIMIT 1)
), value AS MATERIALIZED (
    SELECT number, ts, id, jsonb_typeof(member) AS kind, left(member #>> '{{}}', %(text)s) AS text
    FROM read CROSS JOIN field CROSS JOIN LATERAL (SELECT payload #> path AS member) AS inner_value WHERE member IS NOT NULL
), scalar AS (
    SELECT number, ts, id, text, kind IN ('string', 'boolean', 'number') AS told FROM value
), top AS (
    SELECT number, text, row_number() OVER (PARTITION BY number ORDER BY count(*) DESC, text) AS place
    FROM scalar WHERE told GROUP BY number, text
), named AS (
    SELECT scalar.number, ts, id, told, CASE WHEN place <= %(top)s THEN scalar.text END AS text,
        ts - lag(ts) OVER (PARTITION BY scalar.number ORDER BY ts, id) AS distance
    FROM scalar LEFT JOIN top ON told AND top.number = scalar.number AND top.text = scalar.text
), usual AS (
    SELECT number, greatest(%(gap)s::interval, 3 * percentile_disc(0.5) WITHIN GROUP (ORDER BY distance)) AS gap
    FROM named GROUP BY number
), marked AS (
    SELECT named.*, gap, coalesce(distance > gap, true) OR text IS DISTINCT FROM lag(text) OVER own
        OR told <> lag(told) OVER own AS begins
    FROM named JOIN usual USING (number) WINDOW own AS (PARTITION BY named.number ORDER BY ts, id)
), run AS (SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY number ORDER BY ts, id) AS run FROM marked)
SELECT number, told, min(text), (extract(epoch FROM min(ts)) * 1000)::bigint,
    (extract(epoch FROM max(ts)) * 1000)::bigint, count(*), (extract(epoch FROM min(gap)) * 1000)::bigint
FROM run GROUP BY number, run, told ORDER BY number, run
"""


Value = str | int | float | datetime | list[str] | None  # of a statement


class Run(NamedTuple):
    """A value without a change: its first and last event, and until when it is taken to hold."""

    value: str | None  # None: one of the less frequent values
    start: int  # ms since the epoch, as `last` and `end`
    last: int
    end: int  # that of the next event of the field, if that is no gap; never before `last`
    events: int


class States(TypedDict):
    """The runs of each field, in order of time."""

    fields: dict[str, list[Run]]
    sampled: float | None  # seconds of which a few events each were read; None: every event was


def read(
    names: Sequence[str], start: datetime, end: datetime, *, gap: float, within: ReadScope, now: datetime
) -> States:
    """Return the runs of some fields of one source, for some seconds the same.

    :param gap: seconds without an event that are no gap
    :param within: the source
    :raises ReadUnavailable: PostgreSQL does not answer
    :raises QueryTimeout: it takes too long
    """
    # Names have any characters.
    wanted = hashlib.sha256(repr((names, gap)).encode()).hexdigest()
    return cache.remembered(
        f"states.{to_micros(start)}.{to_micros(end)}.{wanted}",
        scope=within,
        shape=States,
        seconds=min(max(KEPT_SHARE * (end - start).total_seconds(), KEPT_LEAST), KEPT_MOST),
        read=lambda: _read(names, start, end, gap=gap, within=within, now=now),
    )


def _read(
    names: Sequence[str], start: datetime, end: datetime, *, gap: float, within: ReadScope, now: datetime
) -> States:
    own, sources = within.condition()
    source = sources[0] if sources else None
    own = own.replace("%s", "%(source)s")
    given: dict[str, Value] = {"source": source, "start": start, "end": end, "most": MAX_EVENTS + 1}
    with postgres.bounded(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {MAX_MILLISECONDS}")
        cursor.execute(_SIZE.format(own=own), given)
        events, size = cursor.fetchone()
        width = None if events <= MAX_EVENTS and size <= MAX_BYTES else (end - start).total_seconds() / SAMPLES
        wanted: dict[str, Value] = {
            **given,
            "paths": [_array(split(name)) for name in names],
            "text": MAX_TEXT,
            "top": TOP,
            "gap": f"{max(gap, 2 * width if width else 0.0):.3f} s",
            "samples": SAMPLES,
            "width": width,
            "each": max(1, min(EACH, int(MAX_BYTES * events // (size * SAMPLES or 1)))),
        }
        cursor.execute(_RUNS.format(events=(_ALL if width is None else _SAMPLE).format(own=own), own=own), wanted)
        rows = cursor.fetchall()
    return {
        "fields": _runs(names, rows, (to_micros(start) // 1_000, min(to_micros(end), to_micros(now)) // 1_000)),
        "sampled": width,
    }


def _array(keys: Sequence[str]) -> str:
    """Return keys as the text of an array of PostgreSQL."""
    escaped = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
    return "{" + ",".join(f'"{key}"' for key in escaped) + "}"


def _runs(
    names: Sequence[str], rows: Sequence[tuple[int, bool, str | None, int, int, int, int]], span: tuple[int, int]
) -> dict[str, list[Run]]:
    """Return the rows as runs within a span; a value that is no scalar leaves a gap."""
    found: dict[str, list[Run]] = defaultdict(list)
    for place, (number, told, text, first, last, events, gap) in enumerate(rows):
        after = rows[place + 1] if place + 1 < len(rows) else None
        next_start = after[3] if after and after[0] == number else max(span[1], last)
        end = next_start if next_start - last <= gap else last
        if told and end > span[0]:
            found[names[number - 1]].append(
                Run(text, max(first, span[0]), max(last, span[0]), max(end, span[0]), events)
            )
    return {name: found[name] for name in names}
