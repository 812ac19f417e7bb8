"""Keeps who reads which partitions: the members of now, and the last changes.

Statements of a heartbeat, which costs an event nothing. Times are PostgreSQL's, but for when a member got its partitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg

KEPT = 500  # changes
SILENT = 15  # seconds without a heartbeat, after which whoever reads the partitions says that their reader was lost

_BEAT = """
INSERT INTO consumer_member AS m (member, partitions, since, heartbeat, state)
VALUES (%(member)s, %(partitions)s, %(since)s, now(), %(state)s) ON CONFLICT (member) DO UPDATE SET
partitions = excluded.partitions, since = excluded.since, heartbeat = excluded.heartbeat, state = excluded.state
"""
_NOTE = """
WITH last AS (
    SELECT at, partitions, kind IN ('left', 'lost') AS gone FROM consumer_assignment
    WHERE member = %(member)s ORDER BY id DESC LIMIT 1
)
INSERT INTO consumer_assignment (at, member, partitions, kind)
SELECT CASE WHEN %(since)s::timestamptz > coalesce((SELECT at FROM last), '-infinity') THEN %(since)s ELSE now() END, %(member)s,
    %(assigned)s::int[], CASE WHEN coalesce((SELECT gone FROM last), true) THEN 'joined' ELSE 'changed' END
WHERE NOT EXISTS (SELECT FROM last WHERE NOT gone AND partitions = %(assigned)s::int[])
"""
_LOST = f"""
WITH gone AS (
    DELETE FROM consumer_member WHERE member <> %(member)s AND heartbeat < now() - interval '{SILENT} s'
    AND partitions && %(assigned)s::int[] RETURNING member, heartbeat
)
INSERT INTO consumer_assignment (at, member, partitions, kind) SELECT heartbeat, member, '{{}}'::int[], 'lost' FROM gone
"""  # noqa: S608 - a constant
_LEAVE = """
WITH gone AS (DELETE FROM consumer_member WHERE member = %s RETURNING member)
INSERT INTO consumer_assignment (at, member, partitions, kind) SELECT now(), member, '{}'::int[], 'left' FROM gone
"""
_FORGET = f"DELETE FROM consumer_assignment WHERE id <= (SELECT max(id) FROM consumer_assignment) - {KEPT}"  # noqa: S608
_FORGET_SILENT = "DELETE FROM consumer_member WHERE heartbeat < now() - interval '1 hour'"


def beat(
    connection: psycopg.Connection,
    member: str,
    partitions: Sequence[int],
    *,
    held: Sequence[int],
    since: datetime,
    state: str,
) -> None:
    """Record a member's heartbeat, and a change of what is assigned to it.

    :param partitions: that it reads
    :param held: that are assigned to it, and that nobody may read now
    :param since: when it got them
    """
    values = {
        "member": member,
        "partitions": list(partitions),
        "assigned": sorted({*partitions, *held}),
        "since": since,
        "state": state,
    }
    for statement in (_BEAT, _NOTE, _LOST):
        connection.execute(statement, values)
    connection.execute(_FORGET_SILENT)


def leave(connection: psycopg.Connection, member: str) -> None:
    """Remove a member."""
    connection.execute(_LEAVE, [member])


def forget(connection: psycopg.Connection) -> None:
    """Remove all changes but the last ones."""
    connection.execute(_FORGET)
