"""Logs the same fault once a minute, with the number of times that it was left out: a client can repeat it at will."""

from __future__ import annotations

import logging
import time

PAUSE = 60.0  # seconds between two lines of the same fault
MAX_FAULTS = 200  # different ones that are remembered
# Loggers of Django that write a line for each request of a client that is wrong or hostile; the first one a traceback too.
OF_CLIENTS = ("django.security", "django.request")
# The consumer repeats by itself what fails, at its own pace, and no client can make it faster.
PACED = "processing"


class Repeated(logging.Filter):
    """Passes the first of equal faults: those of one logger and one place in the code."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[object, tuple[float, int]] = {}  # when it was logged, and how often left out since

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record; adds `repeated` if some were left out before it."""
        if record.name.startswith(PACED) or not (record.exc_info or record.name.startswith(OF_CLIENTS)):
            return True
        if record.name.startswith(OF_CLIENTS[0]):
            record.exc_info = None  # it is no fault of the code
        fault, now = _fault(record), time.monotonic()
        since, left_out = self._seen.pop(fault, (-PAUSE, 0))
        if now - since < PAUSE:
            self._seen[fault] = since, left_out + 1
            return False
        if left_out:
            record.repeated = left_out
        while len(self._seen) >= MAX_FAULTS:
            del self._seen[next(iter(self._seen))]
        self._seen[fault] = now, 0
        return True


def _fault(record: logging.LogRecord) -> object:
    """Return what is the same for the same fault; what a client sends is no part of it."""
    kind, _, trace = record.exc_info or (None, None, None)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else None
    return record.name, record.pathname, record.lineno, kind, place
