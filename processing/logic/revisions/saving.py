"""Saves revisions and makes them current. Nobody overwrites what he has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from django.db import connection, transaction

from processing.cursors import Cursor
from processing.logic.content import Content
from processing.logic.revisions import checking, conflicts, labels, loading, rows
from processing.logic.revisions.rows import NO_LOGIC
from processing.models import LogicRevision

LABELS_CHANGED = "labels of sources changed"


def save(
    content: Content, *, base: int, who: str, reason: str = "", activate: bool = False, allow_unmatched: bool = False
) -> LogicRevision:
    """Save a content as a revision: a draft, unless it becomes current at once. What equals its base becomes none.

    :param base: the revision that was changed: the current one, or the newest
    :raises InvalidLogic: it can't be used
    :raises Conflict: another revision was saved or made current since
    :raises UnknownRevision: there is no revision `base`
    """
    with connection.cursor() as cursor:
        before = rows.content_of(cursor, base)
    # Before the lock, which a consumer may wait for: this can take a second.
    rules = checking.check(content, base=before, allow_unmatched=allow_unmatched)
    with _alone() as cursor:
        conflicts.refuse_stale(cursor, base, before)
        content = msgspec.structs.replace(content, labels=labels.of(rules))
        unchanged = base != NO_LOGIC and content == before
        number = base if unchanged else rows.insert(cursor, content, base=base, who=who, reason=reason)
        if activate and rows.current(cursor).number != number:
            rows.activate(cursor, number, who=who, reason=reason)
    return LogicRevision.objects.get(number=number)


def change(
    edit: Callable[[Content], Content],
    *,
    who: str,
    reason: str = "",
    activate: bool = True,
    allow_unmatched: bool = False,
) -> int:
    """Save an edit of the current content, and make it current; return its number, or the current one if it is equal.

    Nobody comes between reading and saving, so there is no conflict; drafts of others stay drafts.

    :raises InvalidLogic: it can't be used
    """
    with _alone() as cursor:
        current = rows.current(cursor).number
        before = rows.content_of(cursor, current)
        content = edit(before)
        rules = checking.check(content, base=before, allow_unmatched=allow_unmatched)
        content = msgspec.structs.replace(content, labels=labels.of(rules))
        if content == before:
            return current
        number = rows.insert(cursor, content, base=current, who=who, reason=reason)
        if activate:
            rows.activate(cursor, number, who=who, reason=reason)
        return number


def activate(number: int, *, who: str, reason: str = "", expected: int | None = None) -> None:
    """Make a revision current; 0: no logic. Nothing is done if it is current already.

    :param expected: the revision that is current as far as the caller knows; None: whichever
    :raises Conflict: another one is
    :raises UnknownRevision: there is no revision of this number
    :raises InvalidLogic: an older release saved what this one can't use
    """
    with _alone() as cursor:
        loading.load(cursor, number)
        current = rows.current(cursor)
        if expected is not None:
            conflicts.refuse_other(cursor, expected)
        if current.number != number:
            rows.activate(cursor, number, who=who, reason=reason)


def follow_labels(*, who: str) -> int | None:
    """Make a revision with today's labels of sources current, if rules use labels that changed; return its number.

    A revision keeps the labels that it is for, so that it always means the same.
    """
    with _alone() as cursor:
        current = rows.current(cursor).number
        content = rows.content_of(cursor, current)
        # Rules are read only where they may use labels: pint alone takes 20 MB.
        if not labels.may_be_used(content):
            return None
        found = labels.of(checking.rules_of(content))
        if found == content.labels:
            return None
        changed = msgspec.structs.replace(content, labels=found)
        number = rows.insert(cursor, changed, base=current, who=who, reason=LABELS_CHANGED)
        rows.activate(cursor, number, who=who, reason=LABELS_CHANGED)
        return number


@contextmanager
def _alone() -> Iterator[Cursor]:
    with transaction.atomic(), connection.cursor() as cursor:
        rows.lock(cursor)
        yield cursor
