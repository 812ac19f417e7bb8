"""Works on a job in the process that asked for it, with a line that tells how far it is, if somebody looks."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TextIO

from processing import jobs
from processing.course import Course, signals_to
from processing.jobs import Step
from processing.models import Job


def run(job: Job, step: Step, *, out: TextIO = sys.stderr) -> None:
    """Work on a job that was made for its worker, to its end or a signal's.

    SIGTERM leaves the rest to `manage.py run_jobs`; SIGINT, by which somebody says that it was a mistake, cancels it.
    """
    stopping, course = threading.Event(), Course(out)
    received: set[int] = set()

    def note(number: int) -> None:
        received.add(number)
        stopping.set()

    with signals_to(note):
        jobs.run(
            job, step, stopping=stopping, report=lambda at: course.reached(at.message or "done", at.done, at.total)
        )
    course.clear()
    if signal.SIGINT in received:
        jobs.cancel(job.pk)
    job.refresh_from_db()
