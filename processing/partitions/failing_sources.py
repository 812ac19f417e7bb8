"""Sources that are set aside because too many of their events became dead letters; receivers throttle them for a time."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from ingestion.models import FailingSource
from processing.cursors import Cursor
from processing.ledger.incidents import close_incident, open_incident
from processing.models import Incident

LONGEST = 3_600  # seconds that a source is throttled at one time
FORGOTTEN_AFTER = "1 hour"  # from the end of one time on: the next is as short as the first

# Nothing while it lasts: what comes then was accepted before the receivers knew of it.
_SET_ASIDE = f"""
INSERT INTO failing_source AS f (source_id, since, until, times, reason)
VALUES (%(source)s, now(), now() + %(seconds)s * interval '1 second', 1, %(reason)s)
ON CONFLICT (source_id) DO UPDATE SET since = now(), reason = excluded.reason, ended_by = '',
    times = CASE WHEN f.until > now() - interval '{FORGOTTEN_AFTER}' THEN f.times + 1 ELSE 1 END,
    until = now() + interval '1 second' * least({LONGEST}, %(seconds)s * 2 ^ least(20,
        CASE WHEN f.until > now() - interval '{FORGOTTEN_AFTER}' THEN f.times ELSE 0 END))
WHERE f.until <= now()
RETURNING times
"""  # noqa: S608 - constants only
_END = "UPDATE failing_source SET until = now(), times = 0, ended_by = %s WHERE source_id = %s AND until > now()"
_OVER = """
SELECT subject FROM incident i WHERE kind = %s AND until IS NULL AND NOT EXISTS (
    SELECT FROM failing_source f WHERE f.source_id = i.subject AND f.until > now()) ORDER BY subject
"""
_FORGET = f"DELETE FROM failing_source WHERE until < now() - 2 * interval '{FORGOTTEN_AFTER}'"  # noqa: S608


def set_aside(cursor: Cursor, failing: Mapping[str, str]) -> None:
    """Throttle sources and open their incidents, in the transaction of the batch that shows it.

    :param failing: why, by source
    """
    seconds = settings.DATAFLOW_SOURCE_THROTTLE_SECONDS
    for source, reason in sorted(failing.items()):
        cursor.execute(_SET_ASIDE, {"source": source, "seconds": seconds, "reason": reason})
        if cursor.fetchone() is not None:
            detail = (
                f"{reason}; its dead letters are kept, and receivers answer 429 for a time. Look at the dead letters;"
                f" to let it send at once: manage.py failing_sources resume {source}"
            )
            open_incident(Incident.Kind.SOURCE, source, detail, cursor=cursor)


def close_ended(cursor: Cursor) -> None:
    """Close the incidents of sources that may send again."""
    cursor.execute(_OVER, [Incident.Kind.SOURCE.value])
    over = cursor.fetchall()
    for (source,) in over:
        close_incident(Incident.Kind.SOURCE, source, cursor=cursor)
    if over:
        cursor.execute(_FORGET)


def throttled_now() -> QuerySet[FailingSource]:
    """Return the sources that are throttled now, by PostgreSQL's clock."""
    return FailingSource.objects.filter(until__gt=Now()).order_by("source_id")


def resume(source: str, *, who: str) -> bool:
    """Let a source send again within seconds; return False if it was not throttled."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_END, [who, source])
        if not cursor.rowcount:
            return False
        close_incident(Incident.Kind.SOURCE, source, cursor=cursor)
    return True
