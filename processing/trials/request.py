"""What a trial is asked to do, and the job that does it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestion.auth import source_patterns
from ingestion.events import timestamps
from processing.jobs import queue
from processing.models import Job, LogicRevision

KIND = "try_logic"
NO_LOGIC = 0
MAX_LIMIT = 100_000_000  # events


class InvalidTrial(Exception):
    """It can't be done. The text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """Which revision, on which history. Times are event times; `until` is not included."""

    revision: int
    sources: tuple[str, ...] = ()  # ids and patterns; none: every source
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None  # events

    def to_mapping(self) -> dict[str, object]:
        """Return it as the arguments of a job."""
        return {
            "revision": self.revision,
            "sources": list(self.sources),
            "since": timestamps.to_text_if_known(self.since),
            "until": timestamps.to_text_if_known(self.until),
            "limit": self.limit,
        }

    @classmethod
    def of(cls, job: Job) -> TrialRequest:
        """Return what a job was asked to do."""
        given = job.arguments
        return cls(
            given["revision"], tuple(given["sources"]), _time(given["since"]), _time(given["until"]), given["limit"]
        )

    def documents(self) -> dict[str, Any]:
        """Return the query for the documents of the history."""
        bounds = {"$gte": self.since, "$lt": self.until}
        times = {name: timestamps.to_micros(bound) for name, bound in bounds.items() if bound is not None}
        return {**({"ts_us": times} if times else {}), **self._of_sources()}

    def _of_sources(self) -> dict[str, Any]:
        found = source_patterns.split(self.sources) if self.sources else None
        if found is None:
            return {}
        beginnings = [{"source": {"$regex": f"^{re.escape(text)}"}} for text in found.beginnings]
        return {"$or": [{"source": {"$in": sorted(found.ids)}}, *beginnings]}


def request(wanted: TrialRequest, *, who: str, worker: str = "") -> Job:
    """Create the job of a trial; when it is done, `Job.report` has what was found (`processing.trials.report`).

    :param worker: as for queue.enqueue
    :raises InvalidTrial: it can't be done
    """
    check(wanted)
    return queue.enqueue(KIND, wanted.to_mapping(), who=who, worker=worker)


def check(wanted: TrialRequest) -> None:
    """Check a request.

    :raises InvalidTrial: it can't be done
    """
    if wanted.revision != NO_LOGIC and not LogicRevision.objects.filter(number=wanted.revision).exists():
        raise InvalidTrial(f"there is no revision {wanted.revision}")
    if not all(map(source_patterns.is_pattern, wanted.sources)):
        raise InvalidTrial(f"sources have to be {source_patterns.PATTERN_FORM}")
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise InvalidTrial("the range is empty: it ends where it begins, or before")
    if wanted.limit is not None and not 1 <= wanted.limit <= MAX_LIMIT:
        raise InvalidTrial(f"the limit has to be 1 to {MAX_LIMIT:,} events")


def _time(text: str | None) -> datetime | None:
    return None if text is None else timestamps.parse_date_or_time(text)
