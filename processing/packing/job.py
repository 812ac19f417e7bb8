"""The job that packs: rollups by day and source, the ledger by hour, a chunk in each transaction.

Readers and recounts see the same numbers before, after and in between (processing.stores.packed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from django.db import connection, transaction

from processing.cursors import Cursor
from processing.jobs import queue
from processing.jobs.heartbeat import beating
from processing.models import Job
from processing.packing import reclaim
from processing.stores.packed import ledger, packing
from processing.stores.packed.rollups import HOURS, MINUTES

KIND = "pack"
CHUNK = 20_000  # rows; half a second, for which a consumer with a late event of one of them waits
# Rollups of the last hours still change with each batch; a packed row would be unpacked for its neighbours each time.
ROLLUPS_STAY = timedelta(hours=2)  # event time
# Pages and charts show the last day by minutes.
LEDGER_STAYS = timedelta(days=2)  # time of receipt

# Packs rows after a place and before a moment; returns how many, and the last place.
Packer = Callable[..., tuple[int, tuple[Any, ...] | None]]

_PACKERS: Mapping[str, tuple[Packer, timedelta]] = {
    MINUTES.loose: (partial(packing.pack, rollups=MINUTES), ROLLUPS_STAY),
    HOURS.loose: (partial(packing.pack, rollups=HOURS), ROLLUPS_STAY),
    "ledger_minute": (ledger.fold, LEDGER_STAYS),
}
TABLES = tuple(_PACKERS)


def request(*, who: str, worker: str = "") -> Job:
    """Create the job that packs all that is old enough now.

    :param worker: as for queue.enqueue
    """
    return queue.enqueue(KIND, {}, who=who, worker=worker)


def step(job: Job) -> float | None:
    """Pack one chunk, or give the room of what was packed back; see queue.Step."""
    place = job.place or {"table": TABLES[0], "after": None, "until": _now().isoformat()}
    table = place["table"]
    with beating(job):
        if table is not None:
            return _pack_chunk(job, table, place)
        given_back = reclaim.give_back(TABLES)
    queue.advance(job, message=f"{job.done:,} rows packed{_in_words(given_back)}")
    return None


def _pack_chunk(job: Job, table: str, place: Mapping[str, Any]) -> float:
    with transaction.atomic(), connection.cursor() as cursor:
        _limit(cursor)
        packed, last = _pack(cursor, table, place)
        job.place = {**place, "after": last and [*map(_as_json, last)], "table": table if last else _next(table)}
        queue.advance(job, done=packed, message=f"packing {table}")
    return 0.0


def _pack(cursor: Cursor, table: str, place: Mapping[str, Any]) -> tuple[int, tuple[Any, ...] | None]:
    pack, stays = _PACKERS[table]
    after = place["after"] and tuple(map(_from_json, place["after"]))
    return pack(cursor, after=after, before=datetime.fromisoformat(place["until"]) - stays, limit=CHUNK)


def _next(table: str) -> str | None:
    return dict(pairwise(TABLES)).get(table)


def _limit(cursor: Cursor) -> None:
    cursor.execute(
        "SELECT set_config('idle_in_transaction_session_timeout', '5s', true), set_config('lock_timeout', '10s', true),"
        " set_config('statement_timeout', '25s', true), set_config('timezone', 'UTC', true)"
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _as_json(value: object) -> object:
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _from_json(value: Any) -> Any:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value


def _in_words(given_back: Mapping[str, int]) -> str:
    return "".join(f"; {table} gave {size / 1e6:,.0f} MB back" for table, size in given_back.items())
