"""A client on one connection that is kept alive, and what the servers took while it asked."""

from __future__ import annotations

import http.client
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

import psutil

from deploy.bench.stack import Stack
from deploy.bench.usage import cpu_seconds
from deploy.local import ports

TIMEOUT = 60.0  # seconds
SERVERS = ("web", "PostgreSQL", "MongoDB", "Redis")
_DATABASE_TIME = re.compile(r"\bdb;(?:[^,]*;)?\s*dur=([0-9.]+)")


class Answer(NamedTuple):
    """One answer, and the seconds from the request to its last byte."""

    status: int
    seconds: float
    body: bytes
    cache: str  # X-Cache; empty: not said
    database: float | None  # milliseconds, by Server-Timing


class Client:
    """Asks one request after the other."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection(ports.HOST, port, timeout=TIMEOUT)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def get(self, path: str) -> Answer:
        """Return the answer as soon as it is read whole."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        seconds = time.perf_counter() - began
        found = _DATABASE_TIME.search(response.getheader("Server-Timing", ""))
        database = float(found[1]) if found else None
        return Answer(response.status, seconds, body, response.getheader("X-Cache", ""), database)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Costs:
    """CPU time that the servers take over a block of requests, and other programs: `with Costs(stack) as costs`."""

    def __init__(self, stack: Stack) -> None:
        # A second web process is "web 2".
        self._pids = {name: pid for name, pid in stack.pids.items() if name.partition(" ")[0] in SERVERS}
        self._cpu: defaultdict[str, float] = defaultdict(float)  # seconds, by name
        self._others = 0.0  # share of all cores

    def __enter__(self) -> Costs:
        self._began, self._others_before = time.monotonic(), _cpu_of_others()
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name, pid in self._pids.items():
            self._cpu[name.partition(" ")[0]] += cpu_seconds(pid) - self._before[name]
        room = (time.monotonic() - self._began) * (psutil.cpu_count() or 1)
        self._others = max(0.0, _cpu_of_others() - self._others_before) / room

    def each(self, requests: int) -> dict[str, float]:
        """Return the milliseconds of a request in each server, of those that took any, and in all of them.

        And which share of all cores programs had that have nothing to do with it: where it is much, times are too long.
        """
        taken = {name: seconds / max(1, requests) * 1000 for name, seconds in self._cpu.items()}
        shown = {f"ms {name}": taken[name] for name in SERVERS if name in taken and round(taken[name], 1)}
        return {"ms all": sum(taken.values()), **shown, "% other programs": self._others * 100}


def _cpu_of_others() -> float:
    """Return the seconds of CPU time of all programs but this one, whose children all servers are."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0)) - cpu_seconds(os.getpid())


@dataclass(slots=True)
class Seen:
    """The answers to the requests of one line."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    cached: Counter[str] = field(default_factory=Counter)
    database: list[float] = field(default_factory=list)  # milliseconds

    def add(self, answer: Answer) -> None:
        """Count an answer."""
        self.seconds.append(answer.seconds)
        self.statuses[answer.status] += 1
        if answer.cache:
            self.cached[answer.cache] += 1
        if answer.database is not None:
            self.database.append(answer.database)

    def in_words(self, problem: str = "") -> str:
        """Return how many answers had which status, and whether they came from a cache."""
        parts = [f"{status}: {count}" for status, count in sorted(self.statuses.items())]
        parts += [f"{name}: {count}" for name, count in sorted(self.cached.items())]
        return ", ".join(parts) + (f" ({problem})" if problem else "")

    def database_time(self) -> Mapping[str, float]:
        """Return the mean time in the database by Server-Timing, if it was said."""
        return {"ms db;dur": sum(self.database) / len(self.database)} if self.database else {}
