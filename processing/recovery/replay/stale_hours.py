"""Marks the hours whose rollups a replay changes, and of which fields (processing.recovery.rebuild.refresh_rollups)."""

from __future__ import annotations

import json
from collections.abc import Iterable

import psycopg

from processing.events.entries import Entries, Entry
from processing.events.fields import MAX_FIELDS, numeric_fields
from processing.recovery.replay.reading import Present
from processing.stores import change_marks

_MARK = """
INSERT INTO stale_hour AS h (source_id, hour, fields)
SELECT v.source_id, to_timestamp(v.hour), CASE WHEN v.fields IS NOT NULL THEN ARRAY(
    SELECT jsonb_array_elements_text(v.fields::jsonb)) END
FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS v (source_id, hour, fields) ORDER BY 1, 2
ON CONFLICT (source_id, hour) DO UPDATE SET fields = CASE WHEN h.fields IS NOT NULL AND excluded.fields IS NOT NULL
    THEN ARRAY(SELECT DISTINCT unnest(h.fields || excluded.fields)) END
"""

# By source and hours since the epoch: the fields to be computed again; None: all.
Hours = dict[tuple[str, int], set[str] | None]
Values = dict[str, object]  # of a payload


def of_changes(changed: Entries, present: dict[bytes, Present], moved: Iterable[Entry]) -> Hours:
    """Return the hours of rows that change, and of those that come or go."""
    hours: Hours = {}
    for source, ts, key, values in zip(changed.sources, changed.times, changed.keys, changed.row_values, strict=True):
        if fields := _other_numbers(present[key].row.values, values):
            known = hours.setdefault((source, ts // change_marks.HOUR), set())
            assert known is not None
            known |= fields
    for entry in moved:
        hours[entry.source, entry.ts // change_marks.HOUR] = None
    return hours


def mark(cursor: psycopg.Cursor, hours: Hours) -> None:
    """Mark hours within the transaction that changes their rows."""
    if not hours:
        return
    sources, starts = [source for source, _ in hours], [hour for _, hour in hours]
    named = [None if fields is None else json.dumps(sorted(fields)) for fields in hours.values()]
    cursor.execute(_MARK, [sources, [hour * 3_600 for hour in starts], named])
    change_marks.mark(cursor, sources, [hour * change_marks.HOUR for hour in starts])


def _other_numbers(one: Values, other: Values) -> set[str]:
    """Return the fields whose number changes, comes or goes: rollups are of numbers alone."""
    # With more fields than are rolled up, it depends on all of them which are.
    if max(_members(one), _members(other)) <= MAX_FIELDS:
        names = [name for name, value in other.items() if name not in one or _may_differ(value, one[name])]
        names += [name for name in one if name not in other]
        one = {name: one[name] for name in names if name in one}
        other = {name: other[name] for name in names if name in other}
    return {name for name, _ in numeric_fields(one).items() ^ numeric_fields(other).items()}


def _members(values: Values) -> int:
    """Count the members of an object, and of those within it."""
    return len(values) + sum([_members(value) for value in values.values() if isinstance(value, dict)])


def _may_differ(one: object, other: object) -> bool:
    # To Python true and 1 are equal, and an object may contain them.
    return one != other or one.__class__ is not other.__class__ or one.__class__ is dict
