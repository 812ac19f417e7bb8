"""Run a job in the process that requested it, with a progress line on a terminal."""

from __future__ import annotations

import signal
import sys
from typing import TextIO

from processing.commandline.progress import Progress, handle_signals
from processing.commandline.stop_event import StopEvent
from processing.jobs import queue
from processing.jobs.queue import Step
from processing.models import Job


def run(job: Job, step: Step, *, out: TextIO = sys.stderr) -> None:
    """Run a job that was enqueued for its worker, until it ends or a signal arrives.

    SIGTERM leaves the rest to `manage.py run_jobs`. SIGINT cancels the job.
    """
    stopping, progress = StopEvent(), Progress(out)
    received: set[int] = set()

    def stop(number: int) -> None:
        received.add(number)
        stopping.set()

    with handle_signals(stop):
        queue.run(
            job, step, stopping=stopping, report=lambda at: progress.advance(at.message or "done", at.done, at.total)
        )
    progress.clear()
    if signal.SIGINT in received:
        queue.cancel(job.pk)
    job.refresh_from_db()
