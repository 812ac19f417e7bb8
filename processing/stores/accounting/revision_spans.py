"""Which revision of logic judged the records of a partition, from which offset on; written in the batch's transaction."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict

from processing.cursors import Cursor
from processing.events.batch import Batch

# Of the batch's partitions those that another revision judged before. One that was set back is judged anew from there on.
_NOTE = """
WITH changed AS (
    SELECT v.partition, v.first FROM unnest(%(partitions)s::int[], %(firsts)s::bigint[]) AS v (partition, first)
    JOIN progress p ON p.topic_id = %(topic)s AND p.partition = v.partition
    WHERE p.revision <> %(revision)s OR EXISTS (SELECT FROM revision_span s
        WHERE s.topic_id = p.topic_id AND s.partition = p.partition AND s.first_offset >= v.first)),
gone AS (
    DELETE FROM revision_span s USING changed c
    WHERE s.topic_id = %(topic)s AND s.partition = c.partition AND s.first_offset > c.first)
INSERT INTO revision_span (topic_id, partition, first_offset, revision)
SELECT %(topic)s, partition, first, %(revision)s FROM changed
ON CONFLICT (topic_id, partition, first_offset) DO UPDATE SET revision = excluded.revision
"""


def note(cursor: Cursor, batch: Batch, topic: int) -> None:
    """Record the revision of a batch for each partition that was judged by another before; needs the progress before it."""
    firsts: dict[int, int] = {}
    for record in batch.records:
        firsts[record.partition] = min(record.offset, firsts.get(record.partition, record.offset))
    if firsts:
        values = {"partitions": list(firsts), "firsts": list(firsts.values())}
        cursor.execute(_NOTE, {**values, "topic": topic, "revision": batch.revision})


class RevisionSpans:
    """The spans of a topic, for those who process its records again."""

    def __init__(self, rows: list[tuple[int, int, int]]) -> None:
        self._firsts: defaultdict[int, list[int]] = defaultdict(list)
        self._revisions: defaultdict[int, list[int]] = defaultdict(list)
        for partition, first, revision in sorted(rows):
            self._firsts[partition].append(first)
            self._revisions[partition].append(revision)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def revision(self, partition: int, offset: int) -> int:
        """Return the revision that judged a record; 0: none did."""
        index = bisect_right(self._firsts.get(partition, []), offset)
        return self._revisions[partition][index - 1] if index else 0


def read(cursor: Cursor, topic: int) -> RevisionSpans:
    """Read the spans of a topic, by its row id."""
    cursor.execute("SELECT partition, first_offset, revision FROM revision_span WHERE topic_id = %s", [topic])
    return RevisionSpans(cursor.fetchall())
