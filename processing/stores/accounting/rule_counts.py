"""Adds up what rules and schemas did, in the transaction of their batch."""

from __future__ import annotations

import msgspec

from ingestion.events.timestamps import from_micros
from processing.cursors import Cursor
from processing.events.batch import MINUTE
from processing.events.judged import RuleCounts, RuleTally

_NAMES = RuleTally.__struct_fields__
_ADD = f"""
INSERT INTO rule_count AS c (kind, name, source_id, minute, partition, {", ".join(_NAMES)})
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::int[], {", ".join("%s::bigint[]" for _ in _NAMES)})
    AS v (kind, name, source_id, minute, partition, {", ".join(_NAMES)}) ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (kind, name, source_id, minute, partition)
DO UPDATE SET {", ".join(f"{name} = c.{name} + excluded.{name}" for name in _NAMES)}
"""  # noqa: S608 - constants only


def add(cursor: Cursor, counts: RuleCounts) -> None:
    """Add the counts of a batch, in sorted order, which prevents deadlocks."""
    if not counts:
        return
    accounts = list(counts)
    tallies = zip(*map(msgspec.structs.astuple, counts.values()), strict=True)
    cursor.execute(
        _ADD,
        [
            [each.kind for each in accounts],
            [each.name for each in accounts],
            [each.source for each in accounts],
            [from_micros(each.minute * MINUTE) for each in accounts],
            [each.partition for each in accounts],
            *map(list, tallies),
        ],
    )
