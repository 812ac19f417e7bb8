"""The events of a source just before and after one of them, by event time."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.reads import condition, postgres


class Neighbours(NamedTuple):
    """The ids of the events beside one; None: there is none."""

    before: str | None
    after: str | None


def read(source_id: str, *, ts: datetime, event_id: UUID, scope: ReadScope) -> Neighbours:
    """Look to both sides of an event, by the index on (source_id, ts, id).

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    within = scope.narrowed(source_id)
    with postgres.bounded():
        return Neighbours(_next(within, ts, event_id, "<", "DESC"), _next(within, ts, event_id, ">", "ASC"))


def _next(within: ReadScope, ts: datetime, event_id: UUID, sign: str, direction: str) -> str | None:
    own = condition.of_scope(within)
    statement = f"""
        SELECT id::text FROM events WHERE {own.text} AND ts {sign}= %s AND (ts, id) {sign} (%s, %s)
        ORDER BY ts {direction}, id {direction} LIMIT 1
    """  # noqa: S608 - made of constants
    with connection.cursor() as cursor:
        cursor.execute(statement, [*own.values, ts, ts, event_id])
        row = cursor.fetchone()
    return None if row is None else str(row[0])
