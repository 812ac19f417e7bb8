"""The last half hour of sources by minute of receipt, from the ledger, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import EPOCH

MINUTES = 30
MINUTE = 60

# By the primary key.
_READ = """
SELECT own.source, extract(epoch FROM l.minute)::bigint, l.read, l.duplicate, l.failed
FROM unnest(%s::text[]) AS own (source) CROSS JOIN LATERAL (
    SELECT minute, sum(read)::bigint AS read, sum(duplicate)::bigint AS duplicate, sum(dead_lettered)::bigint AS failed
    FROM ledger_minute WHERE source_id = own.source AND minute >= %s GROUP BY minute) AS l
"""


class Minute(NamedTuple):
    """What was received of a source in one minute."""

    read: int = 0
    duplicate: int = 0
    failed: int = 0  # became dead letters


NOTHING = Minute()


class Run(NamedTuple):
    """Events that became dead letters, of those that came since a time."""

    failed: int
    read: int
    since: int  # seconds since the epoch


class HalfHour(NamedTuple):
    """The last minutes of a source, oldest first; the last one is running."""

    start: int  # of the first one, seconds since the epoch
    minutes: Sequence[Minute]

    @property
    def read(self) -> list[int]:
        """Return how many events came in each minute."""
        return [each.read for each in self.minutes]

    @property
    def failed(self) -> list[int]:
        """Return how many of them became dead letters."""
        return [each.failed for each in self.minutes]

    @property
    def rejects(self) -> float | None:
        """Return what percentage became dead letters; None: nothing came."""
        return self._percent(sum(self.failed))

    @property
    def duplicates(self) -> float | None:
        """Return what percentage were duplicates; None: nothing came."""
        return self._percent(sum(each.duplicate for each in self.minutes))

    def rate(self, now: float) -> float:
        """Return how many events come in a second, by the running minute and the one before it."""
        elapsed = now - (self.start + MINUTE * (len(self.minutes) - 1))
        before, running = self.minutes[-2].read, self.minutes[-1].read
        return (before + running) / (MINUTE + max(0.0, elapsed))

    @property
    def run(self) -> Run | None:
        """Return the failures: since when all events have failed, or else since the first; None: there are none."""
        failed = read = since = 0
        for index in range(len(self.minutes) - 1, -1, -1):
            each = self.minutes[index]
            if each.read > each.failed:
                break
            if each.read:
                failed, read, since = failed + each.failed, read + each.read, self.start + index * MINUTE
        if not failed:
            first = next((place for place, each in enumerate(self.minutes) if each.failed), 0)
            failed, read, since = sum(self.failed), sum(self.read[first:]), self.start + first * MINUTE
        return Run(failed, read, since) if failed else None

    def _percent(self, part: int) -> float | None:
        whole = sum(self.read)
        return 100 * part / whole if whole else None


def read(sources: Sequence[str], *, scope: ReadScope, now: datetime) -> dict[str, HalfHour]:
    """Return the last half hour of sources; of those outside the scope nothing came. Call it inside `postgres.bounded`."""
    first = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    start = int((first - EPOCH).total_seconds())
    found: dict[str, list[Minute]] = {source: [NOTHING] * MINUTES for source in sources}
    with connection.cursor() as cursor:
        cursor.execute(_READ, [[source for source in sources if scope.includes(source)], first])
        for source, minute, *counts in cursor.fetchall():
            # A receiver whose clock is ahead counts as of now.
            place = min((minute - start) // MINUTE, MINUTES - 1)
            found[source][place] = Minute(*map(sum, zip(found[source][place], counts, strict=True)))
    return {source: HalfHour(start, minutes) for source, minutes in found.items()}
