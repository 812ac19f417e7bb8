"""What pytest is told about warnings, for property tests."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def random_thread() -> Iterator[threading.Thread]:
    """Run a thread that uses the `random` module all the time, as clients' threads do now and then."""
    is_over = threading.Event()

    def use() -> None:
        while not is_over.is_set():
            random.random()

    thread = threading.Thread(target=use)
    thread.start()
    yield thread
    is_over.set()
    thread.join()


def slowly(number: int) -> int:
    """Let other threads run while Hypothesis draws."""
    time.sleep(0.001)
    return number


@given(drawn=st.integers().map(slowly))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_property_test_bears_threads_that_use_the_random_module(random_thread: threading.Thread, drawn: int) -> None:
    assert random_thread.is_alive()
    assert isinstance(drawn, int)
