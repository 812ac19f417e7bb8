"""What an operator should know of: open incidents and partitions that are held."""

from __future__ import annotations

from processing import holds, incidents
from queries.shapes import HeldShape, IncidentShape
from queries.times import format_time

MOST = 100  # listed; there is one for each kind and subject


def opened() -> list[IncidentShape]:
    """Give the incidents that are not over, the newest first."""
    return [
        {
            "kind": row.kind,
            "subject": row.subject,
            "detail": row.detail,
            "since": format_time(row.since),
            "lastSeen": format_time(row.last_seen),
            "count": row.count,
        }
        for row in incidents.open_incidents()[:MOST]
    ]


def held() -> list[HeldShape]:
    """Give the partitions that no consumer reads until an operator says so."""
    return [
        {
            "topic": row.topic.name,
            "partition": row.partition,
            "since": format_time(row.since),
            "reason": row.reason,
        }
        for row in holds.held_now()
    ]
