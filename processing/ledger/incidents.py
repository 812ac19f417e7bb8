"""Incidents for the operator: one is open for each kind and subject, counts repetitions, and is closed at the end."""

from __future__ import annotations

import logging
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet

from processing import metrics
from processing.cursors import Cursor
from processing.models import Incident

logger = logging.getLogger(__name__)

# Before the first one: a counter that begins at 1 does not show that it rose.
for _kind in Incident.Kind:
    metrics.INCIDENTS.labels(_kind.value)

_OPEN = """
INSERT INTO incident AS i (kind, subject, detail, since, last_seen) VALUES (%s, %s, %s, now(), now())
ON CONFLICT (kind, subject) WHERE until IS NULL
DO UPDATE SET detail = excluded.detail, last_seen = now(), count = i.count + 1,
    acknowledged_at = CASE WHEN {same} THEN i.acknowledged_at END,
    acknowledged_by = CASE WHEN {same} THEN i.acknowledged_by ELSE '' END
RETURNING i.count
"""
# Who acknowledged an incident has seen this state of it. Numbers in its detail move all the time; other words are news.
_WORDS = "regexp_replace({}, '[0-9][0-9.,]*', '', 'g')"
_OPEN = _OPEN.format(same=f"{_WORDS.format('excluded.detail')} = {_WORDS.format('i.detail')}")
_CLOSE = "UPDATE incident SET until = now() WHERE kind = %s AND subject = %s AND until IS NULL"


def open_incident(kind: Incident.Kind, subject: str, detail: str, *, cursor: Cursor | None = None) -> None:
    """Open an incident; if it is open already, count the repetition and replace its detail.

    Another detail, but for its numbers, has to be acknowledged anew.

    :param subject: what it is about, always spelled the same, e.g. "raw-data/3" (`of_partition`)
    :param cursor: of the transaction that the incident belongs to; None: Django's connection
    """
    if cursor is None:
        with connection.cursor() as own:
            open_incident(kind, subject, detail, cursor=own)
        return
    cursor.execute(_OPEN, [kind.value, subject, detail])
    [count] = cursor.fetchone() or [0]
    if count == 1:
        metrics.INCIDENTS.labels(kind.value).inc()
        logger.error("incident", extra={"kind": kind.value, "subject": subject, "detail": detail})


def close_incident(kind: Incident.Kind, subject: str, *, cursor: Cursor | None = None) -> bool:
    """Close an incident; return False if none was open, which is not an error."""
    if cursor is None:
        with connection.cursor() as own:
            return close_incident(kind, subject, cursor=own)
    cursor.execute(_CLOSE, [kind.value, subject])
    if cursor.rowcount:
        logger.info("incident over", extra={"kind": kind.value, "subject": subject})
    return cursor.rowcount > 0


def open_incidents() -> QuerySet[Incident]:
    """Return the open incidents, newest first."""
    return Incident.objects.filter(until=None).order_by("-since", "-id")


def of_partition(topic: str, partition: int) -> str:
    """Return the subject of an incident about a partition."""
    return f"{topic}/{partition}"


class PartitionRef(NamedTuple):
    """A partition by the row id of its topic, with the topic's name for incidents."""

    topic: int  # the row id
    name: str  # of the topic
    number: int

    @property
    def subject(self) -> str:
        """The subject of an incident about it."""
        return of_partition(self.name, self.number)
