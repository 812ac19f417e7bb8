"""The consumer's loop in a thread of the test's own, where its steps can be made to fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from processing.consumer.loop import Loop


@contextmanager
def running_loop() -> Iterator[Loop]:
    stopping = threading.Event()
    loop = Loop(stopping=stopping)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield loop
    finally:
        stopping.set()
        thread.join()
