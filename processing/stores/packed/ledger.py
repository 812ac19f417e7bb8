"""The ledger by hour: minutes of receipt that are long past are added up, and both are read as the view `ledger`."""

from __future__ import annotations

from datetime import datetime

from processing.cursors import Cursor

Place = tuple[str, datetime, int]  # source, minute, partition

COUNTS = ("read", "stored", "duplicate", "dead_lettered", "dropped")

_BALANCES = "m.read = m.stored + m.duplicate + m.dead_lettered + m.dropped"
# An hour is not begun by a minute that does not balance, so that no other minute hides it; a repair of an hour, which is a
# minute like that, belongs to it. Minutes that a consumer is changing stay until the next time.
_FOLD = f"""
WITH wanted AS (
    SELECT m.ctid FROM ledger_minute AS m
    WHERE (%(source)s::text IS NULL OR (source_id, minute, partition) > (%(source)s, %(minute)s, %(partition)s))
        AND minute < date_trunc('hour', %(before)s::timestamptz, 'UTC') AND ({_BALANCES} OR EXISTS (
            SELECT FROM ledger_hour AS h WHERE h.source_id = m.source_id AND h.hour = date_trunc('hour', m.minute, 'UTC')
                AND h.partition = m.partition))
    ORDER BY source_id, minute, partition LIMIT %(limit)s FOR UPDATE OF m SKIP LOCKED),
gone AS (DELETE FROM ledger_minute WHERE ctid = ANY (ARRAY(SELECT ctid FROM wanted)) RETURNING *),
folded AS (
    INSERT INTO ledger_hour AS h (source_id, hour, partition, {", ".join(COUNTS)})
    SELECT source_id, date_trunc('hour', minute, 'UTC') AS hour, partition,
        {", ".join(f"sum({name})::bigint" for name in COUNTS)}
    FROM gone GROUP BY source_id, hour, partition ORDER BY source_id, hour, partition
    ON CONFLICT (source_id, hour, partition) DO UPDATE
        SET {", ".join(f"{name} = h.{name} + excluded.{name}" for name in COUNTS)})
SELECT count(*) OVER (), source_id, minute, partition FROM gone
ORDER BY source_id DESC, minute DESC, partition DESC LIMIT 1
"""  # noqa: S608 - constants only


def fold(cursor: Cursor, *, after: Place | None, before: datetime, limit: int) -> tuple[int, Place | None]:
    """Fold minutes into their hours in the order of their keys; return how many, and the last.

    :param after: the last one of the call before
    :param before: the minutes of its hour and later ones stay
    """
    source, minute, partition = after or (None, None, None)
    cursor.execute(
        _FOLD, {"source": source, "minute": minute, "partition": partition, "before": before, "limit": limit}
    )
    found = cursor.fetchone()
    return (0, None) if found is None else (found[0], (found[1], found[2], found[3]))


def by_place(columns: str, rows: str) -> str:
    """Return SQL that adds up counts by source, minute and partition, and by hour where the ledger has folded that hour.

    Only so can a recount be compared with the ledger.

    :param columns: of the result besides the place, as SQL of aggregates over the columns of `rows`
    :param rows: SQL with `source_id`, `minute`, `partition`
    """
    return f"""
    SELECT b.source_id, coalesce(h.hour, b.minute) AS minute, b.partition, {columns}
    FROM ({rows}) AS b LEFT JOIN ledger_hour AS h
        ON h.source_id = b.source_id AND h.hour = date_trunc('hour', b.minute, 'UTC') AND h.partition = b.partition
    GROUP BY 1, 2, 3
    """  # noqa: S608 - constants only
