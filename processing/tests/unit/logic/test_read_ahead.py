"""What comes next is read while the caller works."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from processing.recovery.replay.read_ahead import read_ahead


def never(_: int) -> bool:
    return False


def test_the_next_one_is_read_while_the_caller_works() -> None:
    begun = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        begun.set()
        yield 2

    with closing(read_ahead(items(), until=math.inf, is_large=never)) as coming:
        assert next(coming) == 1
        assert begun.wait(10)
        assert list(coming) == [2]


def test_none_is_read_beside_a_large_one() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in (1, 2, 3):
            read.append(number)
            yield number

    for number in read_ahead(items(), until=math.inf, is_large=lambda _: True):
        assert read[-1] == number

    assert read == [1, 2, 3]


def test_no_more_are_begun_past_the_time() -> None:
    items = iter([1, 2])

    assert list(read_ahead(items, until=-math.inf, is_large=never)) == [1]
    assert list(items) == [2]


def test_an_error_comes_after_what_was_read_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    coming = read_ahead(items(), until=math.inf, is_large=never)

    assert next(coming) == 1
    with pytest.raises(ValueError, match="broken"):
        next(coming)


def test_nothing_is_read_any_more_once_it_is_closed() -> None:
    ended = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        yield 2
        ended.set()

    with closing(read_ahead(items(), until=math.inf, is_large=never)) as coming:
        next(coming)

    assert not any(thread.name.startswith("read-ahead") for thread in threading.enumerate())
    assert not ended.is_set()
