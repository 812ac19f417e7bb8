"""How often the doors refused, by minute and reason: kept in Redis for two days, best effort, no part of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

KEPT_SECONDS = 48 * 3600
MINUTE = 60  # seconds
HOUR = 3600  # seconds


class Count(NamedTuple):
    """What one process refused for one reason within one minute."""

    minute: int  # seconds since the epoch
    code: str
    refused: int


def key(second: int) -> str:
    """Where the refusals of this second's hour stand: a hash of all processes' counts."""
    return f"dataflow:refused:{second // HOUR}"


def read(fields: Mapping[bytes, bytes]) -> Iterator[Count]:
    """Read a hash; what another release wrote otherwise is left out."""
    for name, count in fields.items():
        minute, _, rest = name.decode(errors="replace").partition(" ")
        code = rest.partition(" ")[0]
        if minute.isdigit() and code and count.isdigit():
            yield Count(int(minute), code, int(count))


class Tally:
    """What this process refused in each minute, so far as Redis has not heard of it.

    Each minute's count is said as a whole and not what was added, so that saying it again changes nothing.
    """

    def __init__(self, process: str) -> None:
        self._process = process  # begins anew with the counters
        self._seen: dict[str, int] = {}
        self._unsaid: set[int] = set()
        self._minutes: defaultdict[int, dict[str, int]] = defaultdict(dict)

    def note(self, totals: Mapping[str, int], *, now: float) -> None:
        """Count towards this minute what the totals grew by.

        :param totals: by code, since the process' start
        """
        minute = int(now) // MINUTE * MINUTE
        for code, total in totals.items():
            grown = total - self._seen.get(code, 0)
            if grown > 0:
                counts = self._minutes[minute]
                counts[code] = counts.get(code, 0) + grown
                self._unsaid.add(minute)
        self._seen = dict(totals)
        self._forget(minute)

    def unsaid(self) -> list[int]:
        """Give the minutes that Redis has to hear of, oldest first."""
        return sorted(self._unsaid)

    def fields(self, minute: int) -> list[str | int]:
        """Give what a minute's hash is to hold, name and value in turn."""
        named = ((f"{minute} {code} {self._process}", count) for code, count in self._minutes[minute].items())
        return [word for pair in named for word in pair]

    def said(self, minute: int) -> None:
        """Note that Redis has a minute as it is now."""
        self._unsaid.discard(minute)

    def _forget(self, minute: int) -> None:
        """Drop minutes that are over and said, and those that Redis would have dropped by now."""
        over = [each for each in self._minutes if each < minute]
        for each in over:
            if each not in self._unsaid or each < minute - KEPT_SECONDS:
                del self._minutes[each]
                self._unsaid.discard(each)
