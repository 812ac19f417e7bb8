"""The rows of revisions and activations, by plain SQL on the consumer's cursor or on Django's."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from processing.cursors import Cursor
from processing.logic import content as contents
from processing.logic.content import EMPTY, Content

NO_LOGIC = 0  # the number of the revision that changes nothing, which has no row

# Writers go one after the other, so that nobody changes what he has not seen. Readers do not wait.
_ALONE = "LOCK TABLE logic_revision IN SHARE ROW EXCLUSIVE MODE"
_CURRENT = "SELECT revision, at FROM logic_activation ORDER BY id DESC LIMIT 1"
_NEWEST = "SELECT number, created_at FROM logic_revision ORDER BY number DESC LIMIT 1"
_CONTENT = "SELECT content::text FROM logic_revision WHERE number = %s"
_INSERT = """
INSERT INTO logic_revision (number, content, base, created_at, created_by, reason)
SELECT coalesce(max(number), 0) + 1, %s::jsonb, %s, clock_timestamp(), %s, %s FROM logic_revision RETURNING number
"""
_ACTIVATE = "INSERT INTO logic_activation (revision, at, who, reason) VALUES (%s, clock_timestamp(), %s, %s)"


class UnknownRevision(Exception):
    """No revision has this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no revision {number}")


class Stamp(NamedTuple):
    """A revision, and when it was saved or made current; None: never."""

    number: int
    at: datetime | None


def lock(cursor: Cursor) -> None:
    """Keep other writers out until the transaction ends."""
    cursor.execute(_ALONE)


def current(cursor: Cursor) -> Stamp:
    """Return the current revision."""
    return _stamp(cursor, _CURRENT)


def newest(cursor: Cursor) -> Stamp:
    """Return the revision that was saved last."""
    return _stamp(cursor, _NEWEST)


def content_of(cursor: Cursor, number: int) -> Content:
    """Return the content of a revision.

    :raises UnknownRevision: there is none of this number
    """
    if number == NO_LOGIC:
        return EMPTY
    cursor.execute(_CONTENT, [number])
    row = cursor.fetchone()
    if row is None:
        raise UnknownRevision(number)
    return contents.decode(row[0])


def insert(cursor: Cursor, content: Content, *, base: int, who: str, reason: str) -> int:
    """Insert a revision and return its number. Needs `lock`."""
    cursor.execute(_INSERT, [contents.encode(content).decode(), base or None, who, reason])
    [number] = cursor.fetchone() or [0]
    return int(number)


def activate(cursor: Cursor, number: int, *, who: str, reason: str) -> None:
    """Make a revision current. Needs `lock`."""
    cursor.execute(_ACTIVATE, [number, who, reason])


def _stamp(cursor: Cursor, sql: str) -> Stamp:
    cursor.execute(sql)
    row = cursor.fetchone()
    return Stamp(NO_LOGIC, None) if row is None else Stamp(*row)
