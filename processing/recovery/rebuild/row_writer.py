"""Insert missing rows, outside the consumer's batches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.conf import settings

from processing.events import skipped_lines
from processing.events.entries import Entry
from processing.recovery.rebuild.maintenance import Maintenance
from processing.stores import change_marks, copy_encoder, month_partitions, row_sql

# An event with a dead letter for its line, or for its whole record, was refused: its document is a leftover, and no row
# is missing. Nor is one that a replay removed.
_MISSING = f"""
FROM staged_event s WHERE NOT EXISTS (SELECT FROM replay_removal r WHERE r.source_id = s.source_id AND r.ts = s.ts
    AND r.event_id = s.id)
AND NOT EXISTS (SELECT FROM dead_letter w WHERE w.topic_id = s.topic_id
    AND w.partition = s.partition AND w."offset" = s."offset" AND (w.line = s.line OR {skipped_lines.WHOLE_LETTER}))
"""  # noqa: S608 - constants only
_INSERT = f"""
WITH new AS (
    INSERT INTO events ({copy_encoder.ALL_COLUMNS}, replay)
    SELECT {copy_encoder.ALL_COLUMNS}, %(replay)s::bigint {_MISSING} ORDER BY source_id, ts, id
    ON CONFLICT DO NOTHING RETURNING source_id, ts),
marked AS (
    INSERT INTO stale_hour (source_id, hour) SELECT DISTINCT source_id, date_trunc('hour', ts) FROM new ORDER BY 1, 2
    ON CONFLICT (source_id, hour) DO UPDATE SET fields = NULL),
told AS ({change_marks.of_hours("(SELECT source_id, date_trunc('hour', ts, 'UTC') AS hour FROM new) AS hours")})
SELECT count(*) FROM new
"""  # noqa: S608 - constants only
_COUNT = f"""
SELECT count(*) {_MISSING}
    AND NOT EXISTS (SELECT FROM events e WHERE e.source_id = s.source_id AND e.ts = s.ts AND e.id = s.id)
"""  # noqa: S608 - constants only


class RowWriter:
    """Inserts rows, and marks the hours whose rollups change in the same transaction (processing.recovery.rebuild.refresh_rollups)."""

    def __init__(self, held: Maintenance, *, dry_run: bool = False) -> None:
        self._held = held
        self._dry_run = dry_run
        self._months: set[datetime] = set()
        self._topics: dict[UUID, int] = {}

    def insert(self, entries: list[Entry], *, topic: UUID, revision: int = 0, replay: int | None = None) -> int:
        """Insert events that have no row and no dead letter; return their number. A dry run only counts them.

        :param revision: of the logic that judged them
        :param replay: the job of the replay that did, if it was one
        """
        if not entries:
            return 0
        topic_row = self.topic_row(topic)
        if not self._dry_run:
            self._ensure_months(entries)
        with self._held.transaction() as cursor:
            [(_, now, _)] = cursor.execute(row_sql.BEGAN).fetchall()
            data = copy_encoder.events(entries, stored=now, topic=topic_row, revision=revision)
            with cursor.copy(row_sql.COPY_STAGED_JUDGED_EVENTS) as copy:
                copy.write(data)
            found = cursor.execute(_COUNT if self._dry_run else _INSERT, {"replay": replay}).fetchone()
        assert found is not None
        return int(found[0])

    def _ensure_months(self, entries: Iterable[Entry]) -> None:
        missing = month_partitions.months({entry.ts // month_partitions.DAY for entry in entries}) - self._months
        if missing:
            with self._held.transaction():
                month_partitions.ensure(self._held.connection, missing)
            self._months |= missing

    def topic_row(self, kafka_id: UUID) -> int:
        """Return the row id of a topic; in a dry run -1, if it has none."""
        if kafka_id not in self._topics:
            self._topics[kafka_id] = self._find_topic(kafka_id)
        return self._topics[kafka_id]

    def _find_topic(self, kafka_id: UUID) -> int:
        with self._held.transaction() as cursor:
            if not self._dry_run:
                cursor.execute(row_sql.INSERT_TOPIC, {"id": kafka_id, "name": settings.KAFKA_TOPIC_RAW_DATA})
            found = cursor.execute("SELECT id FROM topic WHERE kafka_id = %s", [kafka_id]).fetchone()
        return -1 if found is None else int(found[0])
