"""The progress of a long command, written to the row of the job that runs it."""

from __future__ import annotations

import time

from processing.commandline.progress import Progress
from processing.jobs import queue
from processing.models import Job

_EVERY = 1.0  # seconds between two writes


class JobProgress(Progress):
    """Counts anew for each unit. `stop` ends the work at the next call of `advance`."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._counted = ""
        self._saved_at = 0.0

    def advance(self, unit: str, done: int, total: int | None = None) -> None:
        """Do as Progress does, and write to the job.

        :raises CommandInterrupted: it was stopped
        :raises JobLost: another worker has the job
        """
        super().advance(unit, done, total)
        now, begins = time.monotonic(), unit != self._counted
        if not begins and now - self._saved_at < _EVERY:
            return
        self._counted, self._saved_at = unit, now
        self._job.done, self._job.total = done, total
        queue.advance(self._job, message=unit)
        if begins:
            queue.note(self._job, unit[:1].upper() + unit[1:], counts=True)
