"""Closes redriven dead letters, or records that they failed again.

Within the batch's own transaction. A letter that is not `sent`, or that does not exist, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import psycopg

from processing.events.batch import Batch, Letter
from processing.events.entries import Entry
from processing.events.positions import RecordPosition

MAX_REDRIVES = 3  # of a chain; after so many failures an operator has to select it by hand


# In order of their numbers, as jobs lock them too, which prevents deadlocks. A chain is a root and its failed redrives.
_LOCK = """
SELECT id FROM dead_letter
WHERE id = ANY(%(roots)s) OR root_id = ANY(%(roots)s) ORDER BY id FOR UPDATE
"""

_ROOTS = "SELECT DISTINCT coalesce(root_id, id) FROM dead_letter WHERE id = ANY(%s)"

_FAIL = """
WITH failed AS (
    SELECT v.*, coalesce(l.root_id, l.id) AS root, l.redrives + 1 AS redrives
    FROM unnest(%(letters)s::bigint[], %(partitions)s::int[], %(offsets)s::bigint[], %(lines)s::int[], %(reasons)s::text[])
        AS v (letter, partition, "offset", line, reason)
    JOIN dead_letter l ON l.id = v.letter AND l.state = 'sent'
), again AS (
    UPDATE dead_letter AS n SET root_id = f.root, redrives = f.redrives,
        state = CASE WHEN f.redrives >= %(most)s THEN 'parked' ELSE n.state END
    FROM failed f
    WHERE n.topic_id = %(topic)s AND n.partition = f.partition AND n."offset" = f."offset" AND n.line = f.line
    RETURNING n.id, n.state, n.last_seen, f.letter, f.reason, f.root
), counted AS (
    -- The root counts the tries of its event; every other letter of the chain is one of them.
    UPDATE dead_letter AS r SET attempts = r.attempts + a.times, last_seen = a.last_seen
    FROM (SELECT root, count(*) AS times, max(last_seen) AS last_seen FROM again GROUP BY root) a
    WHERE r.id = a.root
)
INSERT INTO dead_letter_action (letter_id, at, who, kind, note)
SELECT letter, now(), 'consumer', 'failed', reason || ': letter ' || id FROM again
UNION ALL
SELECT id, now(), 'consumer', 'parked', %(most)s || ' redrives have failed' FROM again WHERE state = 'parked'
"""

_CLOSE = """
WITH ended AS (
    SELECT DISTINCT ON (root) coalesce(l.root_id, l.id) AS root, v.outcome
    FROM unnest(%(letters)s::bigint[], %(outcomes)s::text[]) AS v (letter, outcome)
    JOIN dead_letter l ON l.id = v.letter AND l.state = 'sent'
    ORDER BY root, v.outcome DESC
), closed AS (
    UPDATE dead_letter AS l SET state = 'stored', closed_at = now() FROM ended e
    WHERE l.state = 'sent' AND (l.id = e.root OR l.root_id = e.root)
    RETURNING l.id, e.outcome
)
INSERT INTO dead_letter_action (letter_id, at, who, kind, note)
SELECT id, now(), 'consumer', 'stored', outcome FROM closed ORDER BY id
"""


def close(connection: psycopg.Connection, batch: Batch, *, topic: int) -> None:
    """Close the letters whose event ended well, and tie those that failed again to their chain.

    :param topic: the row id of the batch's topic, where the new letters are written already
    """
    redriven = batch.redriven()
    if not redriven:
        return
    roots = [root for (root,) in connection.execute(_ROOTS, [list(redriven.values())])]
    connection.execute(_LOCK, {"roots": roots})
    failed = [letter for letter in batch.letters if RecordPosition(letter.partition, letter.offset) in redriven]
    if failed:
        connection.execute(_FAIL, _failures(failed, redriven, topic))
    ended = _outcomes(batch, redriven, {RecordPosition(letter.partition, letter.offset) for letter in failed})
    if ended:
        connection.execute(_CLOSE, {"letters": list(ended), "outcomes": list(ended.values())})


def _failures(failed: Sequence[Letter], redriven: Mapping[RecordPosition, int], topic: int) -> dict[str, object]:
    return {
        "letters": [redriven[RecordPosition(letter.partition, letter.offset)] for letter in failed],
        "partitions": [letter.partition for letter in failed],
        "offsets": [letter.offset for letter in failed],
        "lines": [letter.line for letter in failed],
        "reasons": [str(letter.reason) for letter in failed],
        "topic": topic,
        "most": MAX_REDRIVES,
    }


def _outcomes(batch: Batch, redriven: Mapping[RecordPosition, int], failed: set[RecordPosition]) -> dict[int, str]:
    """Return the outcome of each letter none of whose events failed; of an event sent twice the first outcome counts."""
    stored, duplicate = _positions(batch.stored), _positions(batch.duplicates)
    return {
        letter: "stored" if place in stored else "duplicate" if place in duplicate else "dropped"
        for place, letter in sorted(redriven.items(), reverse=True)
        if place not in failed
    }


def _positions(entries: Iterable[Entry]) -> set[RecordPosition]:
    return {RecordPosition(entry.partition, entry.offset) for entry in entries}
