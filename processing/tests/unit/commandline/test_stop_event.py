"""What a signal sets while the main thread is busy with it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from processing.commandline.stop_event import StopEvent

PATIENCE = 5.0  # seconds


@pytest.fixture
def stopping() -> Iterator[StopEvent]:
    event = StopEvent()

    def fail(*_: object) -> None:
        pytest.fail("the handler waits for itself")

    before = [signal.signal(signal.SIGUSR1, lambda *_: event.set()), signal.signal(signal.SIGALRM, fail)]
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    yield event
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in zip((signal.SIGUSR1, signal.SIGALRM), before, strict=True):
        signal.signal(number, handler)


def test_a_signal_that_comes_while_the_main_thread_is_about_to_wait_sets_it(stopping: StopEvent) -> None:
    # As `wait` does first, and `set`.
    with stopping._cond:
        signal.raise_signal(signal.SIGUSR1)

    assert stopping.is_set()
    assert stopping.wait(PATIENCE * 2)


def test_it_is_waited_for_as_long_as_no_signal_comes(stopping: StopEvent) -> None:
    assert not stopping.wait(0.01)
