"""Rows from documents: each is judged by the revision of logic that judged its record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from processing.events.entries import Entries, Entry
from processing.recovery.rebuild.maintenance import Maintenance
from processing.recovery.rebuild.row_writer import RowWriter
from processing.recovery.recount.past_logic import PastLogic


class DocumentRows:
    """Inserts the rows of documents."""

    def __init__(self, held: Maintenance, writer: RowWriter) -> None:
        self._held = held
        self._writer = writer
        self._past: dict[UUID, PastLogic] = {}

    def insert(self, entries: list[Entry], *, topic: UUID) -> int:
        """Insert events that have no row and no dead letter, as their logic made them; return their number.

        What logic dropped or rejected gets no row: its document was left by an attempt that failed.
        """
        past = self._of(topic)
        return sum(
            self._writer.insert(self._judged(some, revision, past), topic=topic, revision=revision)
            for revision, some in by_revision(entries, past)
        )

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


def by_revision(entries: Iterable[Entry], past: PastLogic) -> list[tuple[int, list[Entry]]]:
    """Group events by the revision that judged their records."""
    found: defaultdict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[past.revision(entry.partition, entry.offset)].append(entry)
    return sorted(found.items())
