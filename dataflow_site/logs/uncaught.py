"""Logs what nobody has caught, which Python would write to standard error in lines of its own."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

logger = logging.getLogger(__name__)


def log_uncaught() -> None:
    """Log exceptions that end the process or a thread, and Python's warnings."""
    sys.excepthook = _of_process
    threading.excepthook = _of_thread
    logging.captureWarnings(capture=True)


def _of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logger.critical("the process ends by an error", exc_info=(kind, error, trace))


def _of_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        thread = failed.thread.name if failed.thread else "?"
        caught = (failed.exc_type, failed.exc_value, failed.exc_traceback)
        logger.critical("a thread ended by an error", exc_info=caught, extra={"ended": thread})
