"""The logic that judged the records of a topic, so that they are judged the same way again."""

from __future__ import annotations

from processing.cursors import Cursor
from processing.events.batch import Record
from processing.events.judged import Judge
from processing.logic import current_logic
from processing.logic.engine import Logic
from processing.stores.accounting import revision_spans


class PastLogic:
    """The revisions of one topic, loaded as they are needed."""

    def __init__(self, cursor: Cursor, *, topic: int) -> None:
        self._spans = revision_spans.read(cursor, topic)
        self._known: dict[int, Logic] = {}

    def judge(self, cursor: Cursor, record: Record) -> Judge | None:
        """Return what judged a record; None: there was no logic.

        :raises NeedsOperator: this release can't read the revision
        """
        revision = self.revision(record.partition, record.offset)
        return self.logic(cursor, revision).judge if revision else None

    def revision(self, partition: int, offset: int) -> int:
        """Return the revision that judged a record; 0: none did."""
        return self._spans.revision(partition, offset)

    def logic(self, cursor: Cursor, revision: int) -> Logic:
        """Load a revision.

        :raises NeedsOperator: this release can't read it
        """
        if revision not in self._known:
            self._known[revision] = current_logic.load(cursor, revision)
        return self._known[revision]
