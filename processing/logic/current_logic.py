"""The logic that batches are judged by, and where dropped events may have left documents."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager

from processing.cursors import Cursor
from processing.errors import NeedsOperator
from processing.events import skipped_lines
from processing.events.batch import Batch, Left
from processing.events.entries import Entries
from processing.events.judged import REJECTED, Judged, RuleCounts
from processing.logic.engine import NO_LOGIC, Logic
from processing.logic.faults import InvalidLogic
from processing.logic.revisions import loading, pausing

logger = logging.getLogger(__name__)

# A rule that fails on so many events within so many seconds is paused.
MOST_ERRORS = 100
WINDOW = 60.0


def load(cursor: Cursor, revision: int) -> Logic:
    """Load a revision that a process needs to go on.

    :raises NeedsOperator: this release can't read it
    """
    try:
        return loading.load(cursor, revision)
    except InvalidLogic as error:
        raise NeedsOperator(f"revision {revision} of logic can't be used: {error}") from error


class CurrentLogic:
    """One for each consumer process."""

    def __init__(self) -> None:
        self._logic = NO_LOGIC
        self._new_from: dict[int, int] = {}
        self._errors: dict[str, deque[tuple[float, int]]] = {}  # by rule: when, and how many

    @property
    def revision(self) -> int:
        """The revision that the next batch is prepared by."""
        return self._logic.revision

    def judge(self, entries: Entries) -> Judged:
        """Judge events by it; see processing.logic.engine."""
        return self._logic.judge(entries)

    def follow(self, cursor: Cursor, revision: int) -> None:
        """Load the revision that is current, if it is another one.

        :raises NeedsOperator: this release can't read it
        """
        if revision == self._logic.revision:
            return
        self._logic = load(cursor, revision)
        logger.info("logic loaded", extra={"revision": revision})

    def start(self, ends: Mapping[int, tuple[int, int]]) -> None:
        """Note the ends of partitions that start: another consumer may have worked on records below, by other logic."""
        self._new_from |= {partition: end for partition, (_, end) in ends.items()}

    def note_errors(self, counts: RuleCounts, *, now: float) -> None:
        """Count the events of a committed batch that rules failed on.

        :param now: seconds of any clock that only grows
        """
        for account, tally in counts.items():
            if tally.errors:
                self._errors.setdefault(account.name, deque()).append((now, tally.errors))
        for found in self._errors.values():
            while found and found[0][0] < now - WINDOW:
                found.popleft()

    def pause_failing(self, transaction: Callable[[], AbstractContextManager[Cursor]]) -> None:
        """Pause the rules that failed too often: the next batch is judged without them.

        :param transaction: opens one
        """
        for name in [name for name, found in self._errors.items() if sum(count for _, count in found) >= MOST_ERRORS]:
            with transaction() as cursor:
                number = pausing.pause_rule(
                    name, cursor=cursor, detail=f"it failed on {MOST_ERRORS} events in a minute"
                )
            del self._errors[name]
            logger.error("a rule fails and was paused", extra={"rule": name, "revision": number})

    def left_by(self, batch: Batch, *, rejudged: bool) -> list[Left]:
        """Return the documents that another attempt may have left of events that are dropped or rejected now.

        :param rejudged: this process has tried the batch by another revision
        """
        gone: Iterable[Left] = [
            *(Left(one.key, one.partition, one.offset, one.line) for one in batch.dropped),
            *(skipped_lines.left_by_letter(one) for one in batch.letters if one.reason in REJECTED),
        ]
        return [left for left in gone if rejudged or left.offset < self._new_from.get(left.partition, 0)]
