"""The thread that touches the stores."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class StoreExecutor:
    """Runs everything that touches the stores, one task after the other. A daemon: a frozen store can't block the exit."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="stores", daemon=True).start()

    def submit(self, act: Callable[[], T]) -> Future[T]:
        """Queue an act; its result or exception is the future's."""
        future: Future[T] = Future()

        def task() -> None:
            try:
                future.set_result(act())
            except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
                future.set_exception(error)

        self._tasks.put(task)
        return future

    def _run(self) -> None:
        while True:
            self._tasks.get()()
