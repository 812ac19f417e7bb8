"""Spares jobs that go through many events the collections of garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Leave out the collections of garbage of some seconds: events have no cycles, and looking for some takes up to a third."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
