"""Why events of sources became dead letters: the newest letter of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from ingestion import problems
from ingestion.auth.read_scope import ReadScope

_NEWEST = """
SELECT own.source, l.reason, l.detail FROM unnest(%s::text[]) AS own (source) CROSS JOIN LATERAL (
    SELECT reason, detail FROM dead_letter WHERE source_id = own.source ORDER BY id DESC LIMIT 1) AS l
"""


class Cause(NamedTuple):
    """Why an event became a dead letter."""

    code: str
    detail: str  # what is wrong, and where

    @property
    def text(self) -> str:
        """Return it in words."""
        return self.detail.rstrip(".") or problems.in_words(self.code)


def read(sources: Sequence[str], *, scope: ReadScope) -> dict[str, Cause]:
    """Return the cause of the newest dead letter of each source in a scope; call it inside `postgres.bounded`."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [[source for source in sources if scope.includes(source)]])
        return {source: Cause(*cause) for source, *cause in cursor.fetchall()}
