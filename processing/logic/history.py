"""The stored events that a trial or a replay is about, and the revision that judges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestion.auth import source_patterns
from ingestion.events import timestamps
from processing.logic.revisions.rows import NO_LOGIC
from processing.models import LogicRevision


class InvalidHistory(Exception):
    """It can't be tried or replayed. The text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class History:
    """Which events, by which revision. Times are event times; `until` is not included."""

    revision: int
    sources: tuple[str, ...] = ()  # ids and patterns; none: every source
    since: datetime | None = None
    until: datetime | None = None

    def to_mapping(self) -> dict[str, object]:
        """Return it as the arguments of a job."""
        return {
            "revision": self.revision,
            "sources": list(self.sources),
            "since": timestamps.to_text_if_known(self.since),
            "until": timestamps.to_text_if_known(self.until),
        }

    def check(self) -> None:
        """Check it.

        :raises InvalidHistory: it can't be done
        """
        if self.revision != NO_LOGIC and not LogicRevision.objects.filter(number=self.revision).exists():
            raise InvalidHistory(f"there is no revision {self.revision}")
        if not all(map(source_patterns.is_pattern, self.sources)):
            raise InvalidHistory(f"sources have to be {source_patterns.PATTERN_FORM}")
        if self.since and self.until and self.since >= self.until:
            raise InvalidHistory("the range is empty: it ends where it begins, or before")


def of_mapping(given: Mapping[str, Any]) -> History:
    """Return what `History.to_mapping` wrote."""
    return History(given["revision"], tuple(given["sources"]), _time(given["since"]), _time(given["until"]))


def _time(text: str | None) -> datetime | None:
    return None if text is None else timestamps.parse_date_or_time(text)
