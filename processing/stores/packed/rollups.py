"""Rollups by day: how they are read together with those that are not packed yet.

A row of `rollup_minute` or `rollup_hour`, a loose one, takes 380 bytes, most of them for its keys. A packed row has all
minutes (or hours) of one source, field and UTC day in arrays: `slot` has their numbers within the day; `first`, `first_ts`
and `first_id` have a value for each; the others have NULL where the value is that of the first event, as it is in a minute
with one event. An array that would have NULLs alone is NULL.

Consumers write loose rows only. What comes late for a packed minute becomes a loose row beside it, which the next packing
adds to it (processing.stores.packed.packing). Until then a reader adds both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from processing.stores import row_sql

KEY = "source_id, field, start"
# The columns of a rollup after its key.
VALUES = ("count", "sum", "min", "max", "first", "first_ts", "first_id", "last", "last_ts", "last_id")
LAST = ("last", "last_ts", "last_id")
# Whose value a NULL stands for; a NULL as `count` stands for 1.
SAME_AS = {
    **dict.fromkeys(("sum", "min", "max", "last"), "first"),
    "last_ts": "first_ts",
    "last_id": "first_id",
}


@dataclass(frozen=True, slots=True)
class Rollups:
    """The rollups over spans of one width: the table of loose rows and that of packed ones."""

    loose: str
    packed: str
    width: str  # an interval
    slot: str  # the number of the span from `start` on, within its day

    def read(self, values: Sequence[str] = VALUES) -> str:
        """Return the SQL of all rows, with `source_id`, `field`, `day` and `start`: at most two for a span, to be added up.

        Arrays of values that are not named are not read. Conditions on `start` select packed rows by their `day` alone.
        """
        return f"""
        SELECT source_id, field, {day_of("start")} AS day, start, {", ".join(values)} FROM {self.loose}
        UNION ALL {self.unpacked(self.packed, values)}
        """  # noqa: S608 - constants only

    def merged(self) -> str:
        """Return the SQL of all rows, one for each span."""
        values = ", ".join(
            f"CASE WHEN r.count IS NULL THEN excluded.{name} WHEN excluded.count IS NULL THEN r.{name}"
            f" ELSE {row_sql.ADDED_UP[name]} END AS {name}"
            for name in VALUES
        )
        return f"""
        SELECT {KEY}, {values} FROM ({self.unpacked(self.packed)}) AS r FULL JOIN {self.loose} AS excluded USING ({KEY})
        """  # noqa: S608 - constants only

    def unpacked(self, table: str, values: Sequence[str] = VALUES) -> str:
        """Return the SQL of the spans in rows like those of the packed table."""
        arrays = ["slot", *dict.fromkeys((*values, *(SAME_AS[name] for name in values if name in SAME_AS)))]
        return f"""
        SELECT p.source_id, p.field, p.day, (p.day + u.slot * interval '{self.width}') AT TIME ZONE 'UTC' AS start,
            {", ".join(_value(name) for name in values)}
        FROM {table} AS p
        CROSS JOIN LATERAL unnest({", ".join(f"p.{name}" for name in arrays)}) AS u ({", ".join(arrays)})
        """  # noqa: S608 - constants only


def day_of(moment: str) -> str:
    """Return the SQL of a moment's UTC day."""
    return f"({moment} AT TIME ZONE 'UTC')::date"


def _value(name: str) -> str:
    if name == "count":
        return "coalesce(u.count, 1) AS count"
    return f"coalesce(u.{name}, u.{SAME_AS[name]}) AS {name}" if name in SAME_AS else f"u.{name}"


_HOUR = "extract(hour FROM start AT TIME ZONE 'UTC')"
MINUTES = Rollups(
    "rollup_minute",
    "rollup_minute_packed",
    width="1 minute",
    slot=f"({_HOUR} * 60 + extract(minute FROM start AT TIME ZONE 'UTC'))::smallint",
)
HOURS = Rollups("rollup_hour", "rollup_hour_packed", width="1 hour", slot=f"{_HOUR}::smallint")
BOTH = (MINUTES, HOURS)
