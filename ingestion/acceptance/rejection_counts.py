"""Counts of refused requests and events by minute and reason: kept in Redis for two days, best effort, not in the ledger."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

KEPT_SECONDS = 48 * 3600
MINUTE = 60  # seconds
HOUR = 3600  # seconds

# The hash is not signed, so only its form is believed: a minute, a code, a process; a number that JSON can carry.
_FIELD = re.compile(rb"(\d{1,12}) ([a-z_]{1,64})(?: .{1,300})?", re.DOTALL)
_COUNT = re.compile(rb"\d{1,15}")


class RejectionCount(NamedTuple):
    """What one process refused for one reason within one minute."""

    minute: int  # seconds since the epoch
    code: str
    refused: int


def key(second: int) -> str:
    """Return the Redis key of the hour that holds this second: a hash with the counts of all processes."""
    return f"dataflow:refused:{second // HOUR}"


def read(fields: Mapping[bytes, bytes]) -> Iterator[RejectionCount]:
    """Parse such a hash; skip fields in another format, such as that of another release."""
    for name, count in fields.items():
        field = _FIELD.fullmatch(name)
        if field and _COUNT.fullmatch(count):
            yield RejectionCount(int(field[1]), field[2].decode(), int(count))


class RejectionCounter:
    """The counts of this process by minute, until they are published to Redis.

    A minute's count is published as a total, not as an increment, so publishing it again changes nothing.
    """

    def __init__(self, process: str) -> None:
        self._process = process  # unique for each start, as the counters are
        self._seen: dict[str, int] = {}
        self._unpublished: set[int] = set()
        self._minutes: defaultdict[int, dict[str, int]] = defaultdict(dict)

    def update(self, totals: Mapping[str, int], *, now: float) -> None:
        """Add what the totals grew by to the count of this minute.

        :param totals: by code, since the process's start
        """
        minute = int(now) // MINUTE * MINUTE
        for code, total in totals.items():
            grown = total - self._seen.get(code, 0)
            if grown > 0:
                counts = self._minutes[minute]
                counts[code] = counts.get(code, 0) + grown
                self._unpublished.add(minute)
        self._seen = dict(totals)
        self._drop_old(minute)

    def unpublished(self) -> list[int]:
        """Return the minutes that have to be published, oldest first."""
        return sorted(self._unpublished)

    def fields(self, minute: int) -> list[str | int]:
        """Return the fields of a minute for HSET: name and value in turn."""
        named = ((f"{minute} {code} {self._process}", count) for code, count in self._minutes[minute].items())
        return [word for pair in named for word in pair]

    def mark_published(self, minute: int) -> None:
        """Record that Redis has the current counts of a minute."""
        self._unpublished.discard(minute)

    def _drop_old(self, minute: int) -> None:
        """Drop past minutes that are published, or older than Redis would keep them."""
        past = [each for each in self._minutes if each < minute]
        for each in past:
            if each not in self._unpublished or each < minute - KEPT_SECONDS:
                del self._minutes[each]
                self._unpublished.discard(each)
