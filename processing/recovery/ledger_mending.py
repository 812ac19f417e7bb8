"""Corrects the ledger by adding differences, so that what consumers count meanwhile stays counted."""

from __future__ import annotations

import psycopg

from processing import row_sql

# Rows that the ledger does not count, by one snapshot: a batch commits its rows and its counts together.
_UNCOUNTED = """
INSERT INTO staged_ledger
SELECT source_id, minute, partition, h.rows - coalesce(l.stored, 0), h.rows - coalesce(l.stored, 0), 0, 0, 0,
    h.first_seen, h.last_seen, h.latest_event
FROM (
    SELECT source_id, date_trunc('minute', received) AS minute, partition, count(*) AS rows,
        min(received) AS first_seen, max(received) AS last_seen, max(ts) AS latest_event
    FROM events GROUP BY 1, 2, 3) h
LEFT JOIN ledger_minute l USING (source_id, minute, partition)
WHERE h.rows > coalesce(l.stored, 0)
"""


def grow(connection: psycopg.Connection) -> int:
    """Count rows that the ledger has forgotten as read and stored; give how many there were. Never takes away.

    :param connection: of mending.session, outside a transaction
    """
    with connection.transaction():
        connection.execute(_UNCOUNTED)
        found = connection.execute("SELECT coalesce(sum(stored), 0)::bigint FROM staged_ledger").fetchone()
        connection.execute(row_sql.FOLD_LEDGER, prepare=False)
    assert found is not None
    return int(found[0])
