"""A loop that hangs stops neither heartbeat nor readiness nor the end of the process."""

from __future__ import annotations

import threading
import time

import pytest

from processing.consumer.probes import liveness
from processing.consumer.probes.liveness import SLOW_AFTER, State, Watchdog


class Watched:
    """A watchdog whose ticks are the test's."""

    def __init__(self) -> None:
        self.state, self.stopping = State(), threading.Event()
        self.beats = 0
        self.ends: list[int] = []
        self.dog = Watchdog(self.state, self.stopping, beat=self._beat, end=self.ends.append)

    def _beat(self) -> None:
        self.beats += 1


def test_a_loop_that_does_not_turn_ends_the_process_and_beats_until_then() -> None:
    watched = Watched()

    for _ in range(liveness.HUNG_AFTER - 1):
        watched.dog.tick()
    assert (watched.ends, watched.beats) == ([], liveness.HUNG_AFTER - 1)
    watched.dog.tick()

    assert watched.ends == [1]


def test_a_loop_that_turns_now_and_then_goes_on() -> None:
    watched = Watched()

    for tick in range(10 * liveness.HUNG_AFTER):
        if tick % (liveness.HUNG_AFTER - 1) == 0:
            watched.state.turned += 1
        watched.dog.tick()

    assert watched.ends == []


def test_a_loop_that_does_not_end_after_a_signal_is_ended() -> None:
    watched = Watched()
    watched.stopping.set()

    for _ in range(liveness.STOP_AFTER):
        watched.state.turned += 1
        watched.dog.tick()

    assert watched.ends == [1]


def test_what_is_over_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "TICK", 0.001)
    watched = Watched()
    watched.dog.start()
    watched.dog.stop()
    time.sleep(0.01)
    beats = watched.beats
    time.sleep(0.01)

    assert watched.beats == beats


def test_a_loop_without_a_turn_is_not_ready() -> None:
    state = State()
    assert state.waits_for() is None

    state.turned -= SLOW_AFTER + 1

    assert str(state.waits_for()).startswith("its own loop: no turn for 16 s")
