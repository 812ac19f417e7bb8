"""Events by COPY's shortcut, and what PostgreSQL has of declared indexes, for tests."""

from __future__ import annotations

import threading
from datetime import datetime

from django.db import connection

from processing.field_indexes import declaring
from processing.field_indexes import job as field_index_job
from processing.jobs import queue
from processing.models import Job
from processing.stores import month_partitions, postgres
from processing.stores.fields import indexes

STEPS = {declaring.KIND: field_index_job.step}
_FILL = """
INSERT INTO events (source_id, ts, id, received, stored, payload, content_hash, "offset", partition, line, topic_id)
SELECT CASE n % 2 WHEN 0 THEN 'plant-' ELSE 'other-' END || n % 20, %(start)s::timestamptz + n * interval '2 s',
    gen_random_uuid(), now(), now(),
    jsonb_build_object('level', n % 1000, 'device', jsonb_build_object('name', 'm' || n % 7)), 0, 0, 0, 0, 1
FROM generate_series(1, %(count)s) AS n
"""
_MADE = """
SELECT x.indrelid::regclass::text, x.indisvalid FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid
WHERE c.relname ~ '^field_[0-9]+_'
"""


def fill(start: datetime, *, count: int) -> None:
    """Store events of twenty sources, one every two seconds, in the month of their start."""
    with postgres.connect() as owner:
        month_partitions.ensure(owner, [start])
        owner.execute(_FILL.replace("n % ", "n %% "), {"start": start, "count": count})


def made() -> dict[str, bool]:
    """Return the partitions that have an index of any declaration, and whether it is finished."""
    with connection.cursor() as cursor:
        cursor.execute(_MADE)
        return dict(cursor.fetchall())


def statistics() -> int:
    """Return how many statistics of fields there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_statistic_ext WHERE stxname ~ '^field_[0-9]+_'")
        [count] = cursor.fetchone() or [0]
        return int(count)


def run(job: Job) -> Job:
    """Run a job to its end, as the worker that asked for it."""
    worker = job.worker or "tests"
    Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, worker=worker)
    job.refresh_from_db()
    queue.run(job, STEPS[job.kind], stopping=threading.Event())
    job.refresh_from_db()
    indexes.forget()
    return job


def add(pattern: str, field: str) -> Job:
    return run(declaring.add(pattern, field, who="ann", worker="tests"))


def drop(pattern: str, field: str) -> Job:
    return run(declaring.drop(pattern, field, who="ann", worker="tests"))
