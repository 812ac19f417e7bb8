"""The SQL condition that a row was visible to an earlier snapshot of PostgreSQL's."""

from __future__ import annotations

# A row's xmin holds the low 32 bits of its transaction's id, which wrap around. The full id is taken to be the one
# nearest to the snapshot's. That is right within two billion transactions, and the rows to which the condition is
# applied are at most an hour older.
FULL_ID = "(%s::bigint + ((xmin::text::bigint - %s::bigint + 2147483648) & 4294967295) - 2147483648)"
# Ids below 3 are reserved: https://www.postgresql.org/docs/current/transaction-id.html
_CONDITION = f"pg_visible_in_snapshot(greatest({FULL_ID}, 3)::text::xid8, %s::pg_snapshot)"


def condition(snapshot: str) -> tuple[str, list[int | str]]:
    """Return the condition with its values.

    :param snapshot: the text of a `pg_snapshot`, as `pg_current_snapshot()` returned it
    """
    latest = int(snapshot.split(":")[1])
    return _CONDITION, [latest, latest % 2**32, snapshot]
