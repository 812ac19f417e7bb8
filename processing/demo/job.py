"""The job that sends the demo's events, a second in each chunk, for some minutes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from ingestion.auth import api_keys
from ingestion.models import Key, Scope, Source
from processing.demo import sending, sources
from processing.demo.sending import NoReceiver, NotTaken, Refused
from processing.jobs import queue
from processing.jobs.queue import JobFailed
from processing.models import Job

KIND = "demo"
MINUTES = 15
MAX_MINUTES = 120
PATIENCE = 90.0  # seconds in which nothing is taken; receivers look for disabled sources once a minute
SECOND = 1.0
KEY_NAME = "demo"


def request(*, address: str, who: str, minutes: int = MINUTES, worker: str = "") -> Job:
    """Return the job that runs the demo; create it unless one waits or runs.

    Its sources may send again, if the demo was removed before.

    :param address: of a receiver, as seen by the worker: http://127.0.0.1:8081
    :param worker: as for queue.enqueue
    """
    with transaction.atomic():
        same = queue.unfinished(KIND).order_by("id").first()
        if same is not None:
            return same
        Source.objects.filter(source_id__startswith=sources.PREFIX, enabled=False).update(enabled=True)
        return queue.enqueue(KIND, {"address": address, "seconds": 60 * minutes}, who=who, worker=worker)


class Demo:
    """Runs demos; it has the token of the present one, which is stored nowhere."""

    def __init__(self) -> None:
        self._tokens: dict[int, str] = {}
        self._waiting_since: float | None = None  # monotonic seconds

    def step(self, job: Job) -> float | None:
        """Send what the sources send in the next second; see queue.Step."""
        began = time.monotonic()
        job.total = job.arguments["seconds"]
        if job.done >= job.total:
            self._end(job)
            queue.advance(job, message=f"{job.place.get('sent', 0):,} events sent, of {len(sources.SOURCES)} sources")
            return None
        now = datetime.now(tz=UTC)
        events = sources.in_second(job.done, now)
        try:
            sending.post(job.arguments["address"], events, token=self._token(job))
        except NotTaken as error:
            return self._later(job, error)
        except Refused as error:
            self._end(job)
            raise JobFailed(str(error)) from error
        self._waiting_since = None
        job.place = {**job.place, "sent": job.place.get("sent", 0) + len(events)}
        queue.advance(job, done=1)
        return max(0.0, began + SECOND - time.monotonic())

    def _later(self, job: Job, error: NotTaken) -> float:
        self._waiting_since = self._waiting_since or time.monotonic()
        is_wrong_address = isinstance(error, NoReceiver) and job.done == 0
        if is_wrong_address or time.monotonic() - self._waiting_since > PATIENCE:
            self._end(job)
            raise JobFailed(str(error))
        queue.advance(job, message=str(error))
        return SECOND

    def _token(self, job: Job) -> str:
        if settings.DATAFLOW_OPEN_INGEST:
            return ""
        if job.pk not in self._tokens:
            # Beyond the end, for the case that nobody revokes it: a job that is cancelled has no last step.
            ends = datetime.now(tz=UTC) + timedelta(seconds=job.arguments["seconds"] - job.done, minutes=5)
            _, token = api_keys.create(
                KEY_NAME, [Scope.INGEST], sources=[sources.PATTERN], expires_at=ends, by=f"job {job.pk}"
            )
            self._tokens = {job.pk: token}
        return self._tokens[job.pk]

    def _end(self, job: Job) -> None:
        self._waiting_since = None
        self._tokens.pop(job.pk, None)
        revoke_keys(job)


def revoke_keys(job: Job | None = None) -> None:
    """Revoke the keys that a demo was given, or all demos were."""
    given = Key.objects.filter(name=KEY_NAME, sources=[sources.PATTERN], revoked_at=None, expires_at__gt=Now())
    for key in given if job is None else given.filter(created_by=f"job {job.pk}"):
        api_keys.revoke(key)
