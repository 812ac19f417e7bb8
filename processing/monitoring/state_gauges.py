"""Refreshes, in each process that runs jobs, the metrics of the pipeline as a whole."""

from __future__ import annotations

import logging
import threading
from math import nan

from django.db import DatabaseError, connection
from django.db.models import Count
from django.db.models.functions import Now

from ingestion.models import FailingSource
from processing import metrics
from processing.ledger import ledger
from processing.models import Job
from processing.monitoring.backlog import Watch

logger = logging.getLogger(__name__)

EVERY = 15.0  # seconds; as often as Prometheus scrapes
UNFINISHED = (Job.State.QUEUED, Job.State.RUNNING, Job.State.PAUSED)


def start(stopping: threading.Event) -> None:
    """Refresh them in a daemon thread; a frozen server delays nothing but the next values."""
    threading.Thread(target=_run, args=(stopping,), name="gauges", daemon=True).start()


class Gauges:
    """The metrics, and what was seen of Kafka's ends before."""

    def __init__(self) -> None:
        self._watch = Watch()

    def refresh(self) -> None:
        """Read everything once. What can't be read now is unknown: no number, rather than an old one."""
        try:
            self._refresh_account()
            self._refresh_counts()
        except DatabaseError as error:
            logger.debug("metrics not refreshed", extra={"reason": type(error).__name__})
            for gauge in (metrics.UNACCOUNTED, metrics.BACKLOG_SECONDS, metrics.PAUSED_SOURCES):
                gauge.set(nan)
            for state in UNFINISHED:
                metrics.JOBS.labels(state.value).set(nan)
        finally:
            connection.close()  # back to the pool

    def _refresh_account(self) -> None:
        # First, as long as it holds no connection to PostgreSQL: it waits for Kafka.
        report = self._watch.measure()
        metrics.BACKLOG_SECONDS.set(nan if report is None else report.lag_seconds)
        total = ledger.totals()
        metrics.UNACCOUNTED.set(total.read - total.settled)

    @staticmethod
    def _refresh_counts() -> None:
        metrics.PAUSED_SOURCES.set(FailingSource.objects.filter(until__gt=Now()).count())
        counted = dict(
            Job.objects.filter(state__in=UNFINISHED).values_list("state").annotate(count=Count("id")).order_by()
        )
        for state in UNFINISHED:
            metrics.JOBS.labels(state.value).set(counted.get(state.value, 0))


def _run(stopping: threading.Event) -> None:
    gauges = Gauges()
    while True:
        try:
            gauges.refresh()
        except Exception:
            logger.exception("metrics could not be refreshed")
        if stopping.wait(EVERY):
            return
