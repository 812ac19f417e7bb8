"""Works on the jobs that wait: bulk redrives, discards and other long operations."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from django.core.management.base import CommandError
from django.db import ProgrammingError

from ingestion.management.command import OperatorCommand
from processing import job_kinds, jobs

IDLE = 0.5  # seconds between two looks for a job


class Command(OperatorCommand):
    help = (
        "Work on the jobs that wait, one after the other. Run as many of these as you like: a job is one worker's, and\n"
        "that of a worker which died goes to another after 30 s. SIGTERM finishes the chunk in hand; the job goes on\n"
        "from there with the next worker.\n\n"
        "  manage.py run_jobs\n\n"
        "Exit code 0: it was told to stop; 2: PostgreSQL has no tables. While PostgreSQL is away it waits."
    )

    def handle(self, **_options: object) -> None:
        """Work until SIGTERM or SIGINT; exit 0.

        A job's own errors end that job; what comes out here is that there is no table to find jobs in.
        """
        stopping = threading.Event()

        def stop(_number: int, _frame: FrameType | None) -> None:
            stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        worker, steps = jobs.new_worker(), job_kinds.steps()
        try:
            while not stopping.is_set():
                if not jobs.work(worker, steps, stopping=stopping):
                    stopping.wait(IDLE)
        except ProgrammingError as error:
            raise CommandError("PostgreSQL lacks a table or column: run manage.py migrate.", returncode=2) from error
