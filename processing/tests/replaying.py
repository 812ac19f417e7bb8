"""Runs replays in the test's own process, and shows what they leave."""

from __future__ import annotations

import threading
from typing import Any

from django.db import connection

from processing.jobs import queue
from processing.models import Job
from processing.recovery.replay.job import Replay
from processing.replays import request
from processing.replays.request import ReplayRequest
from processing.stores.packed.rollups import HOURS, MINUTES


def replay(revision: int, **wanted: Any) -> Job:
    """Run a replay to its end, and return its job."""
    job = request.request(ReplayRequest(revision, **wanted), who="test", worker=queue.new_worker())
    queue.run(job, Replay().step, stopping=threading.Event())
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.message
    return job


def counts(job: Job) -> dict[str, int]:
    found: dict[str, int] = {
        name: count for name, count in (job.report or {})["rows"].items() if count and name != "same"
    }
    return found


def tables() -> dict[str, list[tuple[Any, ...]]]:
    """Return everything that is derived from events, but for which revision and replay made it."""
    queries = {
        "events": "SELECT source_id, ts, id, received, stored, payload::text, tags, payload_changed, content_hash FROM events",
        "minutes": f"SELECT * FROM ({MINUTES.merged()}) AS r",
        "hours": f"SELECT * FROM ({HOURS.merged()}) AS r",
        "latest": "SELECT * FROM latest_value",
        "ledger": "SELECT source_id, minute, partition, read, stored, duplicate, dead_lettered, dropped FROM ledger",
        "statistics": "SELECT source_id, read, stored, duplicate, dead_lettered, dropped FROM source_statistics",
        "letters": "SELECT source_id, event_id, reason FROM dead_letter",
    }
    found = {}
    for name, query in queries.items():
        with connection.cursor() as cursor:
            cursor.execute(f"{query} ORDER BY 1, 2, 3")
            found[name] = cursor.fetchall()
    return found
