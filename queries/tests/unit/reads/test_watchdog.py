from __future__ import annotations

import os
import threading
import time

from queries.reads.watchdog import LATE, Watchdog

SOON = 0.05  # seconds


def test_what_takes_too_long_is_called_for_and_what_does_not_is_not() -> None:
    dog = Watchdog()
    called: list[str] = []
    late = threading.Event()

    def call() -> None:
        called.append("long")
        late.set()

    with dog.after(SOON, lambda: called.append("short")), dog.after(60, lambda: called.append("far")):
        pass
    started = time.monotonic()
    with dog.after(SOON, call):
        assert late.wait(10)

    assert called == ["long"]
    assert time.monotonic() - started >= SOON
    time.sleep(SOON + 2 * LATE)
    assert called == ["long"]


def test_guards_that_begin_later_and_end_earlier_come_first() -> None:
    dog = Watchdog()
    order: list[int] = []
    done = threading.Event()
    with (
        dog.after(3 * LATE, done.set),
        dog.after(2 * LATE, lambda: order.append(2)),
        dog.after(0, lambda: order.append(1)),
    ):
        assert done.wait(10)

    assert order == [1, 2]


def test_one_thread_guards_all_and_sleeps_when_there_is_nothing_to_guard() -> None:
    dog = Watchdog()
    before = threading.active_count()
    for _ in range(100):
        with dog.after(SOON, os.abort):
            pass

    assert threading.active_count() == before + 1
    time.sleep(SOON + 2 * LATE)
    assert not dog._guards
    assert not dog._has_any.is_set()
