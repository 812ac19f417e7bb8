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
from processing.jobs import Step
from processing.models import Job


def run(job: Job, step: Step, *, out: TextIO = sys.stderr) -> None:
    """Work on a job that was made for its worker, to its end or a signal's.

    SIGTERM leaves the rest to `manage.py run_jobs`; SIGINT, by which somebody says that it was a mistake, cancels it.
    """
    stopping = threading.Event()
    with _signals(stopping) as received:
        jobs.run(job, step, stopping=stopping, report=lambda at: _tell(at, out))
    _clear(out)
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


def _tell(job: Job, out: TextIO) -> None:
    if out.isatty():
        of = "" if job.total is None else f" of {job.total:,}"
        out.write(f"\r\x1b[K{job.done:,}{of}  {job.message}")
        out.flush()


def _clear(out: TextIO) -> None:
    if out.isatty():
        out.write("\r\x1b[K")
