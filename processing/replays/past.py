"""Which events replays have been taken through, as their jobs know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from ingestion.auth import source_patterns
from ingestion.events.timestamps import to_micros
from processing.cursors import Cursor
from processing.events.entries import Entry
from processing.logic import history
from processing.logic.history import History

# In the order of their beginning, which is that of their effects: one runs at a time.
_JOBS = """
SELECT id, arguments, place, state FROM job
WHERE kind = 'replay' AND NOT (arguments->>'dryRun')::boolean AND place ? 'stored' ORDER BY started_at, id
"""


def stored(cursor: Cursor) -> list[list[int]]:
    """Return what is stored as a replay begins: the row id of a topic, a partition and the offset up to which it is read."""
    cursor.execute("SELECT topic_id, partition, next_offset FROM progress ORDER BY 1, 2")
    return [list(row) for row in cursor.fetchall()]


class PastReplay(NamedTuple):
    """A replay that has written, to its end or up to a place."""

    number: int
    wanted: History
    stored: dict[tuple[int, int], int]  # row id of a topic and partition -> offset
    at: tuple[str, int | None, str | None] | None  # None: at its end

    @property
    def revision(self) -> int:
        return self.wanted.revision

    def is_of(self, entry: Entry, *, topic: int) -> bool:
        """Return whether an event was stored as the replay began, and is among those it was asked for."""
        wanted = self.wanted
        if entry.offset >= self.stored.get((topic, entry.partition), 0):
            return False
        if wanted.since is not None and entry.ts < to_micros(wanted.since):
            return False
        if wanted.until is not None and entry.ts >= to_micros(wanted.until):
            return False
        return not wanted.sources or any(source_patterns.matches(each, entry.source) for each in wanted.sources)


@dataclass(slots=True)
class PastReplays:
    """The replays of a moment."""

    _cursor: Cursor
    _known: Sequence[PastReplay]
    _order: dict[tuple[str, str], bool] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: Cursor) -> PastReplays:
        """Read them; the cursor is needed for as long as they are."""
        cursor.execute(_JOBS)
        return cls(cursor, [_replay(*row) for row in cursor.fetchall()])

    def of(self, entry: Entry, *, topic: int) -> tuple[PastReplay, ...]:
        """Return those that an event was taken through, in their order.

        :param topic: the row id of the event's topic
        """
        return tuple(each for each in self._known if each.is_of(entry, topic=topic) and self._has_reached(each, entry))

    def _has_reached(self, replay: PastReplay, entry: Entry) -> bool:
        if replay.at is None:
            return True
        source, ts, id_ = replay.at
        if entry.source != source:
            return self._is_before(entry.source, source)
        if ts is None or id_ is None:
            return False
        return (entry.ts, entry.id) <= (ts, UUID(id_).bytes)

    def _is_before(self, source: str, other: str) -> bool:
        """Return whether PostgreSQL, by whose order replays go, puts a source before another."""
        if (source, other) not in self._order:
            self._cursor.execute("SELECT %s::text < %s::text", [source, other])
            [(self._order[source, other],)] = self._cursor.fetchall()
        return self._order[source, other]


def _replay(number: int, arguments: Any, place: Any, state: str) -> PastReplay:
    reached = {(topic, partition): offset for topic, partition, offset in place["stored"]}
    is_whole = state == "done" or place["at"] is None
    return PastReplay(number, history.of_mapping(arguments), reached, None if is_whole else tuple(place["at"]))
