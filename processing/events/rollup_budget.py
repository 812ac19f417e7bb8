"""Bounds the rollup rows that one source may cause in a minute of receipt (DATAFLOW_ROLLUP_ROWS_PER_MINUTE).

An event past the budget is stored, but not rolled up. Its row says so (`events.rollup_cut`), and whatever rolls up rows
again reads that: recounts and rebuilds agree with the consumer, whenever and by whom it was decided. So the budget itself
may be kept in memory, and forgotten.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

from django.conf import settings

from processing.events.batch import MINUTE
from processing.events.entries import Entries
from processing.events.fields import MAX_FIELDS
from processing.events.rollups import Groups, Spans, group_by_minute, summarise

# Sources whose rows are counted; past this all begin anew.
_COUNTED_SOURCES = 20_000
# Rows by minute that one batch should cause at most: a row by minute and its share of one by hour take 2.6 kB while the
# batch is worked on and the next one is prepared.
_BATCH_ROWS = 15_000
_FIRST_ROWS = 15.0  # an event; as long as no batch has shown how many, it may be any


class Spent(NamedTuple):
    """The rows by minute that a source has caused in its latest minute of receipt."""

    minute: int  # minutes since the epoch
    rows: int


class Allotment(NamedTuple):
    """The rollups by minute of a batch, the indexes of events past a budget, and what is to be adopted once it is committed."""

    minutes: Spans
    cut: list[int]
    spent: dict[str, Spent]


class RollupBudget:
    """What the sources of one consumer have caused lately."""

    def __init__(self) -> None:
        self._spent: dict[str, Spent] = {}
        self._rows_per_event = _FIRST_ROWS

    def batch_events(self) -> int:
        """Return how many events the next batch may have, by the rollup rows of the one before."""
        most: int = settings.DATAFLOW_BATCH_EVENTS
        return max(1, min(most, int(_BATCH_ROWS / self._rows_per_event))) if self._rows_per_event else most

    def allot(self, entries: Entries) -> Allotment:
        """Roll up events by minute, and mark those past their source's budget (`Entries.rolled`)."""
        groups = group_by_minute(entries)
        budget: int = settings.DATAFLOW_ROLLUP_ROWS_PER_MINUTE
        events = {source: len(indexes) for source, indexes in entries.by_source.items()}
        allotment = Allotment({}, [], {})
        large: defaultdict[str, Groups] = defaultdict(dict)
        for key, group in groups.items():
            source = key[0]
            received = entries.received[group[0]] // MINUTE
            if budget and MAX_FIELDS * events[source] > budget - self._before(source, received):
                large[source][key] = group
            elif fields := summarise(entries, group):
                allotment.minutes[key] = fields
                _spend(allotment.spent, source, received, len(fields))
        for source, own in large.items():
            self._allot_large(entries, source, own, budget, allotment)
        rows = sum(map(len, allotment.minutes.values()))
        self._rows_per_event = rows / len(entries) if entries else 0.0
        return allotment

    def adopt(self, allotment: Allotment) -> None:
        """Count what a batch has spent: it is committed."""
        if len(self._spent) > _COUNTED_SOURCES:
            self._spent.clear()
        for source, spent in allotment.spent.items():
            before = self._spent.get(source)
            rows = before.rows if before and before.minute == spent.minute else 0
            self._spent[source] = Spent(spent.minute, rows + spent.rows)

    def _before(self, source: str, received: int) -> int:
        """Return the rows that a source has caused in a minute of receipt."""
        spent = self._spent.get(source)
        return spent.rows if spent and spent.minute == received else 0

    def _allot_large(self, entries: Entries, source: str, groups: Groups, budget: int, allotment: Allotment) -> None:
        """Roll up the newest minutes of a source, as far as its budget goes; each minute of receipt has its own."""
        spent: Counter[int] = Counter()
        for key, group in sorted(groups.items(), reverse=True):
            received = entries.received[group[0]] // MINUTE
            left = budget - self._before(source, received) - spent[received]
            fields = summarise(entries, group) if left > 0 else {}
            if left > 0 and len(fields) <= left:
                spent[received] += len(fields)
                if fields:
                    allotment.minutes[key] = fields
                continue
            spent[received] = budget
            for index in group:
                entries.rolled[index] = False
            allotment.cut.extend(group)
        if spent:
            latest = max(spent)
            allotment.spent[source] = Spent(latest, spent[latest])


def _spend(spent: dict[str, Spent], source: str, minute: int, rows: int) -> None:
    before = spent.get(source)
    if before is None or before.minute < minute:
        spent[source] = Spent(minute, rows)
    elif before.minute == minute:
        spent[source] = Spent(minute, before.rows + rows)


def cut_sources(entries: Entries) -> list[str]:
    """Return the sources of the events that are not rolled up."""
    return sorted({source for source, rolled in zip(entries.sources, entries.rolled, strict=True) if not rolled})
