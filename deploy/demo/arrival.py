"""Checks that all events have arrived: first in the ledger, then by reading them through GET /data."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from deploy.demo.client import Client

PAGE = 1_000  # events, the most that GET /data returns at once
POLL = 0.25  # seconds


class NotArrived(Exception):
    """The events were acknowledged but cannot be read. The text says how many have an outcome."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcomes of the events of some sources, as the ledger counts them."""

    stored: int
    duplicate: int
    dead_lettered: int

    @property
    def total(self) -> int:
        """Return how many events have an outcome."""
        return self.stored + self.duplicate + self.dead_lettered

    def __sub__(self, before: Outcome) -> Outcome:
        return Outcome(
            self.stored - before.stored,
            self.duplicate - before.duplicate,
            self.dead_lettered - before.dead_lettered,
        )


def outcome(web: Client, sources: Iterable[str]) -> Outcome:
    """Return the outcomes that the ledger has for these sources."""
    wanted = set(sources)
    rows = cast("list[dict[str, int | str]]", web.get("/api/pipeline/")["sources"])
    ours = [row for row in rows if row["sourceId"] in wanted]
    return Outcome(*(sum(int(row[name]) for row in ours) for name in ("stored", "duplicate", "deadLettered")))


def wait_for_outcome(web: Client, sources: Iterable[str], *, before: Outcome, count: int, seconds: float) -> Outcome:
    """Wait until the ledger has an outcome for `count` events more than `before`; return the difference.

    :raises NotArrived: it has not within `seconds`
    """
    names = list(sources)
    deadline = time.monotonic() + seconds
    while (so_far := outcome(web, names) - before).total < count:
        if time.monotonic() > deadline:
            raise NotArrived(f"{so_far.total:,} of {count:,} events were processed within {seconds:.0f} s")
        time.sleep(POLL)
    return so_far


def read_back(web: Client, source: str) -> Iterator[dict[str, object]]:
    """Every event of a source, by following the cursors of GET /data."""
    page = web.get("/data", {"source_id": source, "limit": PAGE})
    while True:
        yield from cast("list[dict[str, object]]", page["results"])
        following = page["next"]
        if following is None:
            return
        page = web.get(str(following).removeprefix(web.address))
