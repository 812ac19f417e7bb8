"""SQL that sums up numbers, from rollups or from rows, and what its columns say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from processing.events.rollups import LARGEST
from queries.aggregates.query import PERCENTILES, Statistic
from queries.schemas import Numbers

# Larger sums are added up separately and scaled down, since PostgreSQL rejects a total above the largest double.
_HUGE = "1e300"
_SCALE = 2.0**64


class Column(NamedTuple):
    """How one statistic is read: from rollups, from rows with a number `value` each, and the columns of rollups it needs."""

    of_rollups: str | None  # None: rollups can't say it
    of_rows: str
    needs: Sequence[str]


def _sums(name: str) -> tuple[str, str]:
    return (
        f"sum({name}) FILTER (WHERE abs({name}) < {_HUGE})",
        f"sum({name} / {_SCALE!r}) FILTER (WHERE abs({name}) >= {_HUGE})",
    )


_COUNT = Column("sum(count)::bigint", "count(*)", ("count",))
_USUAL, _LARGE = (
    Column(of_rollups, of_rows, ("sum",)) for of_rollups, of_rows in zip(_sums("sum"), _sums("value"), strict=True)
)
_COLUMNS: dict[str, Column] = {
    "count": _COUNT,
    "usual": _USUAL,
    "large": _LARGE,
    "min": Column("min(min)", "min(value)", ("min",)),
    "max": Column("max(max)", "max(value)", ("max",)),
    # Of two events at one time, the one with the larger id goes before the other (processing.stores.row_sql).
    "first": Column(
        "(array_agg(first ORDER BY first_ts, first_id DESC))[1]",
        "(array_agg(value ORDER BY ts, id DESC))[1]",
        ("first", "first_ts", "first_id"),
    ),
    "last": Column(
        "(array_agg(last ORDER BY last_ts DESC, last_id DESC))[1]",
        "(array_agg(value ORDER BY ts DESC, id DESC))[1]",
        ("last", "last_ts", "last_id"),
    ),
    **{
        name: Column(None, f"percentile_cont({share}) WITHIN GROUP (ORDER BY value)", ())
        for name, share in PERCENTILES.items()
    },
}


class Reading:
    """The columns with which some statistics are read."""

    def __init__(self, statistics: Iterable[Statistic]) -> None:
        self.statistics = tuple(statistics)
        # The count is always read: it says whether a bucket has anything.
        names: set[str] = {"count", *self.statistics}
        if names & {"sum", "avg"}:
            names |= {"usual", "large"}
        self._names = [name for name in _COLUMNS if name in names]

    @property
    def needs(self) -> list[str]:
        """Return the columns of rollups that are read."""
        return list(dict.fromkeys(need for name in self._names for need in _COLUMNS[name].needs))

    @property
    def of_rollups(self) -> str:
        """Return the SQL of the columns."""
        return ", ".join(sql for name in self._names if (sql := _COLUMNS[name].of_rollups))

    @property
    def of_rows(self) -> str:
        """Return the SQL of the columns over rows with `value`, `ts` and `id`."""
        return ", ".join(_COLUMNS[name].of_rows for name in self._names)

    def numbers(self, row: Sequence[Any]) -> Numbers:
        """Return the statistics in the columns of a row."""
        found = dict(zip(self._names, row, strict=True))
        count = found["count"]
        total = None
        if "usual" in found:
            exact = (found["usual"] or 0.0) + (found["large"] or 0.0) * _SCALE
            # The stores keep a sum that overflowed as the largest double.
            total = exact if abs(exact) < LARGEST and math.isfinite(exact) else None
        derived = {**found, "sum": total, "avg": None if total is None else total / count}
        numbers: Numbers = {"count": count}
        for name in self.statistics:
            numbers[name] = derived[name]
        return numbers
