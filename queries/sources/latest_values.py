"""The latest value of each numeric field of sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.request.times import format_time, from_micros

# An answer has thousands of them, and each time takes psycopg ten times as long to read as a number.
_READ = """
SELECT source_id, field, value, (extract(epoch FROM ts) * 1000000)::bigint, event_id::text
FROM latest_value WHERE {} ORDER BY source_id, field
"""


class FieldValue(NamedTuple):
    """The value of a numeric field in the newest event that has it."""

    name: str
    value: float
    at: str  # time of the event
    event_id: str


def read(scope: ReadScope) -> Mapping[str, list[FieldValue]]:
    """Return the values of the sources in a scope, in order of name; call it inside `postgres.bounded`."""
    own, sources = scope.condition()
    found: dict[str, list[FieldValue]] = defaultdict(list)
    # Most fields of a source are from one event.
    times = cache(lambda micros: format_time(from_micros(micros)))
    with connection.cursor() as cursor:
        cursor.execute(_READ.format(own), sources)
        for source, field, value, micros, event_id in cursor.fetchall():
            found[source].append(FieldValue(field, value, times(micros), event_id))
    return found
