"""Measures CPU time and memory of processes, each with its children."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import TracebackType

import psutil

SAMPLE_EVERY = 0.5  # seconds; reading the shared memory of PostgreSQL's processes costs some milliseconds


def cpu_seconds(pid: int) -> float:
    """CPU time used so far by a process and its children, those that ended included."""
    total = 0.0
    for process in _family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_bytes(pid: int) -> int:
    """Resident memory of a process and its children; shared pages count once (PSS) where the system reports them."""
    return sum(_memory(process) for process in _family(pid))


def _family(pid: int) -> Iterable[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
    return int(getattr(full, "pss", full.rss))


class Meter:
    """Measures named processes over a block of work: `with Meter({"ingest": pid}) as meter`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self.cpu: dict[str, float] = {}  # seconds during the block
        self.peak: dict[str, int] = {}  # bytes

    def __enter__(self) -> Meter:
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        self._look()
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cpu = {name: cpu_seconds(pid) - self._before[name] for name, pid in self._pids.items()}
        self._stop.set()
        self._sampler.join()
        self._look()

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_EVERY):
            self._look()

    def _look(self) -> None:
        for name, pid in self._pids.items():
            self.peak[name] = max(self.peak.get(name, 0), memory_bytes(pid))
