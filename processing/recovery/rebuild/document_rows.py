"""Rows from documents: each as it was made by the logic of its record, and then by the replays that it was taken through."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from processing.events.entries import Entries, Entry
from processing.recovery.rebuild.maintenance import Maintenance
from processing.recovery.rebuild.row_writer import RowWriter
from processing.recovery.recount.past_logic import PastLogic
from processing.replays.past import PastReplay, PastReplays


class Making(NamedTuple):
    """What made a row."""

    revision: int  # 0: no logic
    replay: int | None = None  # None: it is as the consumer stored it


Rows = dict[bytes, tuple[Entry, Making]]  # by key


class DocumentRows:
    """Inserts the rows of documents."""

    def __init__(self, held: Maintenance, writer: RowWriter) -> None:
        self._held = held
        self._writer = writer
        self._past: dict[UUID, PastLogic] = {}
        self._replays: PastReplays | None = None

    def insert(self, entries: Iterable[Entry], *, topic: UUID) -> int:
        """Insert events, as they were sent, that have no row and no dead letter; return their number.

        What logic dropped or rejected gets no row: its document was left by an attempt that failed.
        """
        past, number = self._of(topic), self._writer.topic_row(topic)
        groups: defaultdict[tuple[int, tuple[int, ...]], list[Entry]] = defaultdict(list)
        replays: dict[int, PastReplay] = {}
        for entry in entries:
            through = self._known_replays().of(entry, topic=number)
            replays |= {each.number: each for each in through}
            groups[past.revision(entry.partition, entry.offset), tuple(each.number for each in through)].append(entry)
        made: defaultdict[Making, list[Entry]] = defaultdict(list)
        for (revision, through_numbers), some in sorted(groups.items()):
            rows = self._made(some, revision, [replays[each] for each in through_numbers], past)
            for entry, making in rows.values():
                made[making].append(entry)
        return sum(
            self._writer.insert(some, topic=topic, revision=making.revision, replay=making.replay)
            for making, some in made.items()
        )

    def _made(self, entries: list[Entry], revision: int, replays: Sequence[PastReplay], past: PastLogic) -> Rows:
        """Return the rows of events that were judged by a revision and then taken through replays."""
        kept = self._judged(entries, revision, past)
        rows: Rows = {entry.key: (entry, Making(revision)) for entry in kept}
        known = [entry for entry in entries if entry.key in rows]
        for replay in replays:
            after = {entry.key: entry for entry in self._judged(known, replay.revision, past)}
            rows = _replayed(rows, after, Making(replay.revision, replay.number))
        return rows

    def _judged(self, entries: list[Entry], revision: int, past: PastLogic) -> list[Entry]:
        if not revision:
            return entries
        with self._held.connection.cursor() as cursor:
            logic = past.logic(cursor, revision)
        return list(logic.judge(Entries.of(entries)).kept)

    def _of(self, topic: UUID) -> PastLogic:
        if topic not in self._past:
            with self._held.connection.cursor() as cursor:
                self._past[topic] = PastLogic(cursor, topic=self._writer.topic_row(topic))
        return self._past[topic]

    def _known_replays(self) -> PastReplays:
        if self._replays is None:
            self._replays = PastReplays.read(self._held.connection.cursor())
        return self._replays


def _replayed(rows: Rows, after: Mapping[bytes, Entry], making: Making) -> Rows:
    """Return rows after a replay: one that comes out as it was keeps what made it."""
    return {
        key: rows[key] if key in rows and rows[key][0].row.is_like(entry.row) else (entry, making)
        for key, entry in after.items()
    }


def unjudged(entries: Iterable[Entry]) -> list[Entry]:
    """Return events as they were sent."""
    return [msgspec.structs.replace(entry, made=None) for entry in entries]
