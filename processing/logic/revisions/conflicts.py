"""Refuses changes of logic by whoever has not seen what others saved or activated meanwhile. Needs the lock of `rows`."""

from __future__ import annotations

from ingestion.events import timestamps
from processing.cursors import Cursor
from processing.logic.content import Content
from processing.logic.revisions import diff, rows
from processing.logic.revisions.diff import Change
from processing.logic.revisions.rows import Stamp
from processing.models import LogicActivation, LogicRevision


class Conflict(Exception):
    """Another revision was saved or made current meanwhile: look at `changes`, then go on from `number`."""

    def __init__(self, detail: str, number: int, changes: list[Change]) -> None:
        super().__init__(detail)
        self.number = number
        self.changes = changes


def refuse_stale(cursor: Cursor, base: int, before: Content) -> None:
    """Check that a change was made from the newest revision, or from the one that was made current after it was saved.

    :param before: the content of `base`
    :raises Conflict: another one was saved or made current since
    """
    newest, current = rows.newest(cursor), rows.current(cursor)
    went_back = newest.at is None or (current.at is not None and current.at > newest.at)
    latest = current if went_back else newest
    if base in (latest.number, newest.number):
        return
    changes = diff.changes(before, rows.content_of(cursor, latest.number))
    if not _of_labels_alone(changes):
        raise Conflict(_told_of_current(latest) if went_back else _told_of_newest(latest), latest.number, changes)


def refuse_other(cursor: Cursor, expected: int) -> None:
    """Check that a revision is current.

    :raises Conflict: another one is
    """
    current = rows.current(cursor)
    if expected == current.number:
        return
    changes = diff.changes(*(rows.content_of(cursor, number) for number in (expected, current.number)))
    if not _of_labels_alone(changes):
        raise Conflict(_told_of_current(current), current.number, changes)


def _of_labels_alone(changes: list[Change]) -> bool:
    """Return whether nothing differs but labels, which follow the registry by themselves."""
    return all(change.pointer.startswith("/labels/") for change in changes)


def _told_of_newest(newest: Stamp) -> str:
    row = LogicRevision.objects.get(number=newest.number)
    return _told(f"revision {row.number} was saved", row.created_by, newest, row.reason)


def _told_of_current(current: Stamp) -> str:
    row = LogicActivation.objects.first()
    if row is None:
        return "no logic is active"
    return _told(f"revision {row.revision} was made current", row.who, current, row.reason)


def _told(what: str, who: str, stamp: Stamp, reason: str) -> str:
    assert stamp.at
    return f"{what} by {who} at {timestamps.to_whole_seconds(stamp.at)}" + (f": {reason}" if reason else "")
