"""Finds, by halving, the items that make a group of items fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def failing(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return each item that fails alone, in order.

    Few failing items among many cost about log2(len(items)) trials each. Items that fail only together are not found.

    :param fails: tries a group of neighbours, never an empty one
    """
    if not items or not fails(items):
        return []
    if len(items) == 1:
        return list(items)
    middle = len(items) // 2
    return failing(items[:middle], fails) + failing(items[middle:], fails)
