"""Reads what comes next, in a thread, while the caller works on what came before."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")


def read_ahead(
    items: Iterator[_Item], *, until: float, is_large: Callable[[_Item], bool]
) -> Generator[_Item, None, None]:
    """Yield what an iterator yields, which runs in a thread of its own. To be closed before what it reads from.

    :param until: by `time.monotonic`, when to begin with no more; what is read by then is still yielded
    :param is_large: whether an item takes so much memory that the next has to wait until the caller has deleted it
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = [pool.submit(next, items)]
        while coming:
            try:
                item = coming.pop().result()
            except StopIteration:
                return
            waits = is_large(item)
            if not waits and time.monotonic() < until:
                coming.append(pool.submit(next, items))
            yield item
            del item
            if waits and time.monotonic() < until:
                coming.append(pool.submit(next, items))
