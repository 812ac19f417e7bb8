"""Requests the job that packs every few hours, once for all workers."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from processing.errors import POSTGRESQL_AWAY
from processing.models import Job
from processing.packing import job

logger = logging.getLogger(__name__)

WHO = "schedule"
LOOK_EVERY = 60.0  # seconds
_LOCK = f"SELECT pg_advisory_xact_lock({0x7061636B20})"


def request_if_due() -> Job | None:
    """Create the job unless one is not done, or was created within DATAFLOW_PACK_EVERY_HOURS; by PostgreSQL's clock."""
    every = timedelta(hours=settings.DATAFLOW_PACK_EVERY_HOURS)
    if not every:
        return None
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK)
        lately = Q(created_at__gt=Now() - every) | Q(state__in=(Job.State.QUEUED, Job.State.RUNNING))
        if Job.objects.filter(lately, kind=job.KIND).exists():
            return None
        return job.request(who=WHO)


class Schedule:
    """Looks once a minute whether the job is due; for one worker."""

    def __init__(self) -> None:
        self._looked = float("-inf")  # time.monotonic()

    def look(self) -> None:
        """Request the job if it is due. While PostgreSQL is away it is not."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        try:
            request_if_due()
        except POSTGRESQL_AWAY as error:
            logger.warning("can't see whether a job is due", extra={"reason": type(error).__name__})
            connection.close()
