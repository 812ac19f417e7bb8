"""Writes what a replay changes: rows, removals, dead letters and the ledger, while no consumer is inside a batch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

import psycopg

from ingestion.events.timestamps import from_micros
from processing.events import decoding
from processing.events.batch import MINUTE
from processing.events.entries import Entries, Entry
from processing.events.ledger_deltas import LedgerDelta, LedgerDeltas
from processing.recovery.replay import stale_hours
from processing.recovery.replay.planning import DROPPED, REJECTED, STORED, Move, ReplayPlan
from processing.recovery.replay.reading import Chunk
from processing.stores import copy_encoder, letter_writer, month_partitions, row_sql

_SAME_EVENT = "e.source_id = s.source_id AND e.ts = s.ts AND e.id = s.id"
_UPDATE = f"""
UPDATE events e SET payload = s.payload, tags = s.tags, payload_changed = s.payload_changed, revision = s.revision, replay = %s
FROM staged_event s WHERE {_SAME_EVENT}
"""  # noqa: S608 - constants only
# A row that comes back is as old as it was.
_KEPT = {"stored": "r.stored", "rollup_cut": "r.rollup_cut"}
_BACK = ", ".join(_KEPT.get(name, f"s.{name}") for name in copy_encoder.ALL_COLUMNS.split(", "))
_INSERT = f"""
INSERT INTO events ({copy_encoder.ALL_COLUMNS}, replay) SELECT {_BACK}, %s
FROM staged_event s JOIN replay_removal r ON r.source_id = s.source_id AND r.ts = s.ts AND r.event_id = s.id
ORDER BY s.source_id, s.ts, s.id ON CONFLICT DO NOTHING RETURNING uuid_send(id)
"""  # noqa: S608 - constants only
_CLEAR = "DELETE FROM staged_event"
_KEYS = "unnest(%(sources)s::text[], %(times)s::bigint[], %(ids)s::uuid[]) AS k (source_id, us, id)"
_AT = "'epoch'::timestamptz + k.us * interval '1 microsecond'"
_DELETE = f"""
DELETE FROM events e USING {_KEYS} WHERE e.source_id = k.source_id AND e.ts = {_AT} AND e.id = k.id
RETURNING uuid_send(e.id)
"""  # noqa: S608 - constants only
_FORGET = f"""
DELETE FROM replay_removal e USING {_KEYS} WHERE e.source_id = k.source_id AND e.ts = {_AT} AND e.event_id = k.id
"""  # noqa: S608 - constants only
_REMEMBER = """
INSERT INTO replay_removal (source_id, ts, event_id, topic_id, partition, "offset", line, received, content_hash, stored,
    rollup_cut, fate, rule, revision, replay)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (source_id, ts, event_id) DO UPDATE SET fate = excluded.fate, rule = excluded.rule,
    revision = excluded.revision, replay = excluded.replay
"""
_ORIGINS = """
unnest(%(topics)s::smallint[], %(partitions)s::int[], %(offsets)s::bigint[], %(lines)s::int[])
    AS k (topic_id, partition, "offset", line)
"""
_SAME_ORIGIN = 'd.topic_id = k.topic_id AND d.partition = k.partition AND d."offset" = k."offset" AND d.line = k.line'
# A letter that was sent is on its way to a row of its own.
_LOCK_LETTERS = f"""
SELECT d.id, d.topic_id, d.partition, d."offset", d.line FROM dead_letter d JOIN {_ORIGINS} ON {_SAME_ORIGIN}
WHERE d.replay IS NOT NULL AND d.state IN ('open', 'parked', 'discarded') ORDER BY d.id FOR UPDATE OF d
"""  # noqa: S608 - constants only
_MARK_LETTERS = f"UPDATE dead_letter d SET replay = %(replay)s FROM {_ORIGINS} WHERE {_SAME_ORIGIN}"  # noqa: S608


class Applied(Counter[str]):
    """How many events were changed, appeared, dropped and rejected."""


def apply(cursor: psycopg.Cursor, found: ReplayPlan, chunk: Chunk, *, revision: int, replay: int) -> Applied:
    """Write a plan, within a transaction of `Maintenance.between_batches`; may be repeated.

    :param replay: the job's number
    """
    done = Applied()
    # The planner knows nothing of the staged rows, and would read whole partitions for a few of them.
    cursor.execute("SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)")
    topics = {key: present.topic for key, present in chunk.present.items()}
    done["changed"] = _change(cursor, found.changed, topics, revision=revision, replay=replay)
    moved = _removed(cursor, found.moved)
    moved += _returned(cursor, found.moved, topics, revision=revision, replay=replay)
    _remember(cursor, moved, chunk, revision=revision, replay=replay)
    _write_letters(cursor, moved, topics, replay=replay)
    _fold_ledger(cursor, moved)
    for move in moved:
        done[move.after if move.after != STORED else "appeared"] += 1
    rolled = [move.entry for move in moved if STORED in (move.before, move.after)]
    stale_hours.mark(cursor, stale_hours.of_changes(found.changed, chunk.present, rolled))
    return done


def _change(cursor: psycopg.Cursor, changed: Entries, topics: dict[bytes, int], *, revision: int, replay: int) -> int:
    total = 0
    for topic, some in _by_topic(changed, topics):
        _stage(cursor, some, topic, revision)
        total += cursor.execute(_UPDATE, [replay]).rowcount
        cursor.execute(_CLEAR)
    return total


def _removed(cursor: psycopg.Cursor, moves: Iterable[Move]) -> list[Move]:
    """Delete rows; return the moves of those that were still there."""
    from_rows = [move for move in moves if move.before == STORED]
    if not from_rows:
        return []
    gone = {bytes(id_) for (id_,) in cursor.execute(_DELETE, _keys(move.entry for move in from_rows))}
    return [move for move in from_rows if move.entry.id in gone]


def _returned(
    cursor: psycopg.Cursor, moves: Iterable[Move], topics: dict[bytes, int], *, revision: int, replay: int
) -> list[Move]:
    """Take back what a replay removed: letters that nobody has sent meanwhile, and then rows; return what was moved."""
    back = [move for move in moves if move.before != STORED]
    free = _delete_letters(cursor, [move.entry for move in back if move.before == REJECTED], topics)
    back = [move for move in back if move.before == DROPPED or move.entry.key in free]
    rows = Entries.of([move.entry for move in back if move.after == STORED])
    new: set[bytes] = set()
    for topic, some in _by_topic(rows, topics):
        month_partitions.ensure(
            cursor.connection, month_partitions.months({ts // month_partitions.DAY for ts in some.times})
        )
        _stage(cursor, some, topic, revision)
        new |= {bytes(id_) for (id_,) in cursor.execute(_INSERT, [replay])}
        cursor.execute(_CLEAR)
    moved = [move for move in back if move.after != STORED or move.entry.id in new]
    returned = [move.entry for move in moved if move.after == STORED]
    if returned:
        cursor.execute(_FORGET, _keys(returned))
    return moved


def _remember(cursor: psycopg.Cursor, moved: Iterable[Move], chunk: Chunk, *, revision: int, replay: int) -> None:
    rows = [
        (
            move.entry.source, from_micros(move.entry.ts), UUID(bytes=move.entry.id), present.topic,
            move.entry.partition, move.entry.offset, move.entry.line, from_micros(move.entry.received),
            move.entry.hash, from_micros(present.stored), present.cut or None, move.after, move.rule, revision, replay,
        )
        for move in moved
        if move.after != STORED and (present := chunk.present[move.entry.key])
    ]  # fmt: skip
    if rows:
        cursor.executemany(_REMEMBER, rows)


def _write_letters(cursor: psycopg.Cursor, moved: Iterable[Move], topics: dict[bytes, int], *, replay: int) -> None:
    by_topic: defaultdict[int, list[Move]] = defaultdict(list)
    for move in moved:
        if move.after == REJECTED:
            by_topic[topics[move.entry.key]].append(move)
    for topic, moves in by_topic.items():
        letters = [decoding.rejected(move.rejection) for move in moves if move.rejection]
        letter_writer.write_letters(cursor.connection, letters, topic)
        cursor.execute(_MARK_LETTERS, {"replay": replay, **_origins([move.entry for move in moves], topics)})


def _delete_letters(cursor: psycopg.Cursor, entries: Sequence[Entry], topics: dict[bytes, int]) -> set[bytes]:
    """Delete the letters that a replay made of events; return the keys of those that could be."""
    if not entries:
        return set()
    found = cursor.execute(_LOCK_LETTERS, _origins(entries, topics)).fetchall()
    numbers = [number for number, *_ in found]
    cursor.execute("DELETE FROM dead_letter_action WHERE letter_id = ANY(%s)", [numbers])
    cursor.execute("DELETE FROM dead_letter WHERE id = ANY(%s)", [numbers])
    gone = {tuple(origin) for _, *origin in found}
    return {entry.key for entry in entries if (topics[entry.key], entry.partition, entry.offset, entry.line) in gone}


def _fold_ledger(cursor: psycopg.Cursor, moved: Iterable[Move]) -> None:
    deltas: LedgerDeltas = {}
    for move in moved:
        entry = move.entry
        account = (entry.source, entry.received // MINUTE, entry.partition)
        delta = deltas.setdefault(account, LedgerDelta(entry.received, entry.received))
        delta.first_seen, delta.last_seen = (
            min(delta.first_seen, entry.received), max(delta.last_seen, entry.received),
        )  # fmt: skip
        for fate, change in ((move.before, -1), (move.after, 1)):
            name = _COUNTED[fate]
            setattr(delta, name, getattr(delta, name) + change)
    if deltas:
        with cursor.copy(row_sql.COPY_LEDGER) as copy:
            copy.write(copy_encoder.ledger(deltas))
        cursor.execute(row_sql.FOLD_LEDGER, prepare=False)


_COUNTED = {STORED: "stored", DROPPED: "dropped", REJECTED: "dead_lettered"}


def _stage(cursor: psycopg.Cursor, entries: Entries, topic: int, revision: int) -> None:
    [(_, now, _)] = cursor.execute(row_sql.BEGAN).fetchall()
    data = copy_encoder.events(entries, stored=now, topic=topic, revision=revision)
    with cursor.copy(row_sql.COPY_STAGED_JUDGED_EVENTS) as copy:
        copy.write(data)


def _by_topic(entries: Entries, topics: dict[bytes, int]) -> list[tuple[int, Entries]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for index, key in enumerate(entries.keys):
        found[topics[key]].append(index)
    return [(topic, entries.select(indexes)) for topic, indexes in sorted(found.items())]


def _keys(entries: Iterable[Entry]) -> dict[str, list[object]]:
    each = list(entries)
    return {
        "sources": [entry.source for entry in each],
        "times": [entry.ts for entry in each],
        "ids": [UUID(bytes=entry.id) for entry in each],
    }


def _origins(entries: Sequence[Entry], topics: dict[bytes, int]) -> dict[str, list[int]]:
    return {
        "topics": [topics[entry.key] for entry in entries],
        "partitions": [entry.partition for entry in entries],
        "offsets": [entry.offset for entry in entries],
        "lines": [entry.line for entry in entries],
    }
