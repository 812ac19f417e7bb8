"""An event that handlers of signals may set."""

from __future__ import annotations

import threading


class StopEvent(threading.Event):
    """Is set by a signal, whatever the main thread is doing.

    The lock of `threading.Event` can't be taken twice by one thread. A handler runs in the main thread: one that comes while
    that is about to wait, or runs the handler of another signal, would wait for itself for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._cond = threading.Condition(threading.RLock())
