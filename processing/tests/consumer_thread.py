"""The consumer's loop in a thread of the test's own, where its steps can be made to fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from processing.consumer import loop as consumer_loop
from processing.consumer.loop import Loop

# Seconds. The product's 0.5 would pass at the beginning of each test, after it joined the group, and again at its end.
POLL = 0.05


@contextmanager
def running_loop() -> Iterator[Loop]:
    stopping = threading.Event()
    loop = Loop(stopping=stopping)
    thread = threading.Thread(target=loop.run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consumer_loop, "POLL", POLL)
        thread.start()
        try:
            yield loop
        finally:
            stopping.set()
            thread.join()
