"""What a trial is asked to do, and the job that does it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ingestion.auth import source_patterns
from ingestion.events import timestamps
from processing.jobs import queue
from processing.logic import history
from processing.logic.history import History, InvalidHistory
from processing.models import Job

KIND = "try_logic"
MAX_LIMIT = 100_000_000  # events


@dataclass(frozen=True, slots=True)
class TrialRequest(History):
    """Which revision, on which history."""

    limit: int | None = None  # events

    def to_mapping(self) -> dict[str, object]:
        """Return it as the arguments of a job."""
        return {**History.to_mapping(self), "limit": self.limit}

    @classmethod
    def of(cls, job: Job) -> TrialRequest:
        """Return what a job was asked to do."""
        given = history.of_mapping(job.arguments)
        return cls(given.revision, given.sources, given.since, given.until, job.arguments["limit"])

    def check(self) -> None:
        """Check it.

        :raises InvalidHistory: it can't be done
        """
        History.check(self)
        if self.limit is not None and not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidHistory(f"the limit has to be 1 to {MAX_LIMIT:,} events")

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
    :raises InvalidHistory: it can't be done
    """
    wanted.check()
    return queue.enqueue(KIND, wanted.to_mapping(), who=who, worker=worker)
