"""Times statements to the stores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from processing import metrics


@contextmanager
def timed(store: str, kind: str) -> Iterator[None]:
    """Observe how long a block took, unless it fails."""
    began = time.perf_counter()
    yield
    metrics.statement_seconds[store, kind].observe(time.perf_counter() - began)
