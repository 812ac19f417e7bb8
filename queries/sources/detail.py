"""One source."""

from __future__ import annotations

from datetime import datetime

from ingestion.auth.read_scope import ReadScope
from queries.reads import postgres
from queries.schemas import SourceDetail, SourceShape
from queries.sources import field_types, lists, shapes


class SourceNotFound(Exception):
    """No event of this source was ever read; answer 404."""


def one(source_id: str, *, scope: ReadScope) -> SourceShape:
    """Return one source, without what takes longer to read.

    :raises SourceNotFound: no event of this source was ever read, or it is outside the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    within = scope.narrowed(source_id)
    with postgres.bounded():
        found = shapes.of(list(lists.heard(within)), scope=within)
    if not found:
        raise SourceNotFound
    return found[0]


def read(source_id: str, *, scope: ReadScope, now: datetime) -> SourceDetail:
    """Return one source with what it sent lately and the types of its fields.

    :raises SourceNotFound: no event of this source was ever read, or it is outside the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    found = one(source_id, scope=scope)
    [listed] = lists.with_activity([found], scope=scope, now=now)
    with postgres.bounded():
        return {**listed, "types": field_types.read(source_id, scope=scope)}
