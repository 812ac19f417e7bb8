"""Says which declared index serves a query."""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.db import connection

from ingestion.auth import source_patterns
from processing.stores.fields.definitions import COUNTS, PARTITIONS, Definition

# For as long a process may miss a new index, or count on one that is being dropped; its queries are slower then.
FRESH = 5.0  # seconds

# An index counts if every partition has it, whatever the row says: one may have been dropped by hand.
_READY = f"""
SELECT f.id, f.pattern, f.field FROM field_index AS f JOIN ({COUNTS}) AS made (number, finished)
ON made.number = f.id WHERE f.state = 'ready' AND made.finished = ({PARTITIONS})
"""  # noqa: S608 - constants only

# By database: when it was read (time.monotonic), and what was ready.
_known: dict[str, tuple[float, list[Definition]]] = {}


def serving(path: Sequence[str], *, sources: frozenset[str] | None) -> str | None:
    """Return the SQL condition with which a query for a field uses a declared index; None if there is none.

    Any comparison of `values.expression(path)` with a value then uses it, and so does `IS NOT NULL`; `IS NULL` can't. The
    condition is literal SQL without percent signs, true for all rows of these sources, and has to stand beside theirs.

    :param sources: of which all rows are that the query reads; None: all sources
    """
    found = [one for one in _ready() if one.path == tuple(path) and _covers(one.pattern, sources)]
    return max(found, key=_narrowness).condition if found else None


def forget() -> None:
    """Read anew at the next call: this process has changed what is declared."""
    _known.clear()


def _ready() -> list[Definition]:
    database, now = str(connection.settings_dict["NAME"]), time.monotonic()
    at, found = _known.get(database, (float("-inf"), []))
    if now - at > FRESH:
        with connection.cursor() as cursor:
            cursor.execute(_READY)
            found = [Definition.of(*row) for row in cursor.fetchall()]
        _known[database] = now, found
    return found


def _covers(pattern: str, sources: frozenset[str] | None) -> bool:
    if pattern == source_patterns.ANY:
        return True
    return sources is not None and all(source_patterns.matches(pattern, source) for source in sources)


def _narrowness(definition: Definition) -> tuple[bool, int]:
    return not definition.pattern.endswith(source_patterns.ANY), len(definition.pattern)
