"""Writes examples of refused requests to PostgreSQL, and deletes old ones and those that are too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, connection

from ingestion.auth.api_keys import Grant
from ingestion.events.batch import Sent
from ingestion.models import RefusedRequest
from ingestion.refusals import attribution, beginning
from ingestion.refusals.attempt import Way

KEPT = timedelta(days=7)
KEPT_OF_SOURCE = 20  # of one reason and source
KEPT_OF_REASON = 500
MAX_DETAIL = 500  # characters

# What another receiver deletes at the moment is left to it: nobody waits for another.
_PRUNE = """
DELETE FROM refused_request WHERE id IN (
    SELECT id FROM refused_request WHERE id IN (
        SELECT id FROM (
            SELECT id, at, row_number() OVER (PARTITION BY code, source_id ORDER BY at DESC) AS of_source,
                row_number() OVER (PARTITION BY code ORDER BY at DESC) AS of_reason
            FROM refused_request
        ) AS numbered
        WHERE at < %(oldest)s OR of_source > %(of_source)s OR of_reason > %(of_reason)s
    ) FOR UPDATE SKIP LOCKED
)
"""


@dataclass(frozen=True, slots=True)
class Example:
    """One refused request, or one rejected event, as the receiver noted it."""

    id: UUID
    at: float  # seconds since the epoch
    code: str
    status: str  # of the answer: of HTTP, or of gRPC
    detail: str
    way: Way
    path: str
    grant: Grant | None
    sent: Sent | None  # None: not read
    size: int | None  # bytes of what was not read; None: unknown


def write(examples: Sequence[Example], *, prune: bool) -> bool:
    """Insert examples. Repeated, it leaves the table as one call does.

    :return: False: PostgreSQL takes none now
    """
    rows = [_row(each) for each in examples]
    try:
        RefusedRequest.objects.bulk_create(rows, ignore_conflicts=True)
        if prune:
            delete_old(now=datetime.now(tz=UTC))
    except DatabaseError:
        return False
    return True


def delete_old(*, now: datetime) -> None:
    """Delete what is older than KEPT, and of each reason and source all but the newest."""
    oldest = now - KEPT
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, {"oldest": oldest, "of_source": KEPT_OF_SOURCE, "of_reason": KEPT_OF_REASON})


def _row(each: Example) -> RefusedRequest:
    path = beginning.without_tokens(each.path.encode()).decode(errors="replace")
    return RefusedRequest(
        id=each.id,
        at=datetime.fromtimestamp(each.at, tz=UTC),
        code=each.code,
        status=each.status,
        detail=each.detail[:MAX_DETAIL],
        way=each.way.value,
        path=path[:256],
        key=each.grant.key if each.grant else "",
        source_id=attribution.source_of(each.sent, each.way, each.grant),
        size=each.size if each.sent is None else each.sent.size,
        sent=None if each.sent is None else beginning.shown(each.sent.beginning),
    )
