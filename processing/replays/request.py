"""What a replay is asked to do, and the job that does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingestion.auth import source_patterns
from ingestion.events import timestamps
from processing.jobs import queue
from processing.models import Job, LogicRevision

KIND = "replay"
NO_LOGIC = 0
MAX_RATE = 100_000  # events a second


class InvalidReplay(Exception):
    """It can't be done. The text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """Which events, by which revision. Times are event times; `until` is not included."""

    revision: int
    sources: tuple[str, ...] = ()  # ids and patterns; none: every source
    since: datetime | None = None
    until: datetime | None = None
    dry_run: bool = False
    rate: int | None = None  # events a second
    publish: bool = False  # to processed-data, what changes
    letters: bool = False  # redrive the open letters that logic made, too

    def to_mapping(self) -> dict[str, object]:
        """Return it as the arguments of a job."""
        return {
            "revision": self.revision,
            "sources": list(self.sources),
            "since": None if self.since is None else timestamps.to_text(self.since),
            "until": None if self.until is None else timestamps.to_text(self.until),
            "dryRun": self.dry_run,
            "rate": self.rate,
            "publish": self.publish,
            "letters": self.letters,
        }

    @classmethod
    def of(cls, job: Job) -> ReplayRequest:
        """Return what a job was asked to do."""
        given = job.arguments
        return cls(
            revision=given["revision"],
            sources=tuple(given["sources"]),
            since=_time(given["since"]),
            until=_time(given["until"]),
            dry_run=given["dryRun"],
            rate=given["rate"],
            publish=given["publish"],
            letters=given["letters"],
        )


def request(wanted: ReplayRequest, *, who: str, worker: str = "") -> Job:
    """Create the job of a replay.

    :param worker: as for queue.enqueue
    :raises InvalidReplay: it can't be done
    """
    check(wanted)
    return queue.enqueue(KIND, wanted.to_mapping(), who=who, worker=worker)


def check(wanted: ReplayRequest) -> None:
    """Check a request.

    :raises InvalidReplay: it can't be done
    """
    if wanted.revision != NO_LOGIC and not LogicRevision.objects.filter(number=wanted.revision).exists():
        raise InvalidReplay(f"there is no revision {wanted.revision}")
    wrong = [pattern for pattern in wanted.sources if not source_patterns.is_pattern(pattern)]
    if wrong:
        raise InvalidReplay(f"sources have to be {source_patterns.PATTERN_FORM}")
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise InvalidReplay("the range is empty: it ends where it begins, or before")
    if wanted.rate is not None and not 1 <= wanted.rate <= MAX_RATE:
        raise InvalidReplay(f"the rate has to be 1 to {MAX_RATE:,} events a second")


def _time(text: str | None) -> datetime | None:
    return None if text is None else timestamps.parse_date_or_time(text)
