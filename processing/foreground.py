"""Works on a job in the process that asked for it, with a line that tells how far it is, if somebody looks."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from processing import jobs
from processing.course import Course
from processing.jobs import Step
from processing.models import Job


def run(job: Job, step: Step, *, out: TextIO = sys.stderr) -> None:
    """Work on a job that was made for its worker, to its end or a signal's.

    SIGTERM leaves the rest to `manage.py run_jobs`; SIGINT, by which somebody says that it was a mistake, cancels it.
    """
    stopping, course = threading.Event(), Course(out)
    with _signals(stopping) as received:
        jobs.run(
            job, step, stopping=stopping, report=lambda at: course.reached(at.message or "done", at.done, at.total)
        )
    course.clear()
    if signal.SIGINT in received:
        jobs.cancel(job.pk)
    job.refresh_from_db()


@contextmanager
def _signals(stopping: threading.Event) -> Iterator[set[int]]:
    received: set[int] = set()

    def note(number: int, _frame: FrameType | None) -> None:
        received.add(number)
        stopping.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
