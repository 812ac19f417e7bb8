"""Measures how fast one source is exported, and by how much the web process grows meanwhile."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlencode

import psutil

from deploy.bench.queries.client import Costs, Seen
from deploy.bench.queries.deployment import Filled
from deploy.bench.queries.lines import Limit, Line
from deploy.local import ports

FORMATS = {"ndjson": 60_000, "csv": 60_000, "parquet": 150_000}  # rows/s to reach
MOST_GROWTH = 50  # MB
TIMES = 5  # other sources each
CHUNK = 65_536  # bytes
SAMPLE_EVERY = 0.01  # seconds
TIMEOUT = 120.0  # seconds

_COUNT = "SELECT count(*) FROM events WHERE source_id = %s"


class Export(NamedTuple):
    """One export, read whole."""

    status: int
    rows: int
    size: int  # bytes
    seconds: float


def measure(filled: Filled) -> Iterator[Line]:
    """Export a few sources in each format."""
    for number, (form, least) in enumerate(FORMATS.items()):
        sources = [f"sensor-{number * TIMES + each:03}" for each in range(TIMES)]
        with _Memory(filled.stack.pids["web"]) as memory, Costs(filled.stack) as costs:
            exports = [_export(filled, source, form) for source in sources]
        yield _line(form, least, exports, growth=memory.growth, costs=costs)


def _line(form: str, least: int, exports: list[Export], *, growth: int, costs: Costs) -> Line:
    name = f"export of one source, {form}"
    seen = Seen(statuses=Counter(export.status for export in exports))
    limits = (Limit("rows/s", least=least), Limit("MB growth", most=MOST_GROWTH))
    if set(seen.statuses) != {200}:
        return Line(name, seen.in_words(), limits=limits, is_served=False)
    rows, seconds = sum(export.rows for export in exports), sum(export.seconds for export in exports)
    values = {
        "rows/s": rows / seconds,
        "rows each": rows / len(exports),
        "B/row": sum(export.size for export in exports) / rows,
        "MB growth": growth / 1e6,
    }
    return Line(name, seen.in_words(), values, costs.each(len(exports)), limits)


def _export(filled: Filled, source: str, form: str) -> Export:
    with filled.stack.stores.connect() as database:
        [(rows,)] = database.execute(_COUNT, [source]).fetchall()
    path = f"/api/data/export/?{urlencode({'source_id': source, 'format': form})}"
    began = time.perf_counter()
    with _response(filled, path) as response:
        size = 0
        while chunk := response.read(CHUNK):
            size += len(chunk)
        return Export(response.status, rows, size, time.perf_counter() - began)


@contextmanager
def _response(filled: Filled, path: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(ports.HOST, filled.stack.web_port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {filled.token}"})
        yield connection.getresponse()
    finally:
        connection.close()


class _Memory:
    """The resident memory of a process over a block of work; the growth is that of its peak."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.growth = 0  # bytes

    def __enter__(self) -> _Memory:
        self._before = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_EVERY):
            self.growth = max(self.growth, self._process.memory_info().rss - self._before)
