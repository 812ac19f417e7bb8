"""`manage.py run_jobs`: run queued jobs, such as bulk redrives and discards."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from django.conf import settings
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection

from ingestion.management.command import OperatorCommand
from processing import job_registry
from processing.commandline.command import store_errors
from processing.commandline.stop_event import StopEvent
from processing.jobs import queue
from processing.logic.revisions.following import LabelFollower
from processing.monitoring import job_worker_health, server_versions, state_gauges, store_latencies
from processing.packing.schedule import Schedule
from processing.supported_versions import MONGODB, POSTGRESQL

IDLE = 0.5  # seconds between two queries for a job
FEED_IDLE = 2.0  # the same, for a feed
FEED_END = 10.0  # seconds for a feed to finish its chunk


class Command(OperatorCommand):
    is_worker = True
    help = (
        "Run queued jobs, one after the other, and request the one that packs rollups and ledger when it is due. Labels of\n"
        "sources that senders change reach the rules that use them. Any number of these workers may run: each job has one\n"
        "worker, and the job of a dead worker goes to another after 30 s. On SIGTERM the worker finishes its chunk; the next\n"
        "worker continues the job from there.\n\n"
        "  manage.py run_jobs\n"
        "  DATAFLOW_JOBS_PORT=8093 manage.py run_jobs    a second one beside the first\n\n"
        "Exit code 0: stopped by a signal; 1: DATAFLOW_JOBS_PORT is taken, or PostgreSQL has no tables; 2: a server is too\n"
        "old. While PostgreSQL is unavailable it waits."
    )

    def handle(self, **_options: object) -> None:
        """Run jobs until SIGTERM or SIGINT, then exit with 0.

        A job's own errors end only that job. The one error here is that the table of jobs does not exist.
        """
        stopping = StopEvent()

        def stop(_number: int, _frame: FrameType | None) -> None:
            stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        with store_errors():
            server_versions.refuse_old(POSTGRESQL, MONGODB)
        try:
            job_worker_health.serve()
        except OSError as error:
            raise CommandError(
                f"Can't listen on {settings.DATAFLOW_JOBS_HOST}:{settings.DATAFLOW_JOBS_PORT}: set DATAFLOW_JOBS_PORT to a"
                " free port, DATAFLOW_JOBS_HOST to an address of this machine."
            ) from error
        state_gauges.start(stopping)
        store_latencies.start(stopping)
        feeding = threading.Thread(target=_run_feeds, args=(stopping,), name="feeds", daemon=True)
        feeding.start()
        worker, steps = queue.new_worker(), job_registry.steps()
        schedule, labels = Schedule(), LabelFollower()
        try:
            while not stopping.is_set():
                schedule.look()
                labels.look()
                if not queue.run_next(worker, steps, stopping=stopping):
                    stopping.wait(IDLE)
        finally:
            stopping.set()  # for the threads of gauges, latencies and feeds
            feeding.join(FEED_END)


def _run_feeds(stopping: threading.Event) -> None:
    """Run the jobs that go on for minutes, beside the others."""
    worker, steps = queue.new_worker(), job_registry.feeds()
    try:
        while not stopping.is_set():
            if not queue.run_next(worker, steps, stopping=stopping):
                stopping.wait(FEED_IDLE)
    except ProgrammingError:
        return  # no such table: the other thread says so
    finally:
        connection.close()
