"""What a replay is asked to do, and the job that does it."""

from __future__ import annotations

from dataclasses import dataclass

from processing.jobs import queue
from processing.logic import history
from processing.logic.history import History, InvalidHistory
from processing.models import Job

KIND = "replay"
MAX_RATE = 100_000  # events a second


@dataclass(frozen=True, slots=True)
class ReplayRequest(History):
    """Which events, by which revision, and how."""

    dry_run: bool = False
    rate: int | None = None  # events a second
    publish: bool = False  # to processed-data, what changes
    letters: bool = False  # redrive the open letters that logic made, too

    def to_mapping(self) -> dict[str, object]:
        """Return it as the arguments of a job."""
        return {
            **History.to_mapping(self),
            "dryRun": self.dry_run,
            "rate": self.rate,
            "publish": self.publish,
            "letters": self.letters,
        }

    @classmethod
    def of(cls, job: Job) -> ReplayRequest:
        """Return what a job was asked to do."""
        given, how = history.of_mapping(job.arguments), job.arguments
        return cls(
            given.revision, given.sources, given.since, given.until,
            how["dryRun"], how["rate"], how["publish"], how["letters"],
        )  # fmt: skip

    def check(self) -> None:
        """Check it.

        :raises InvalidHistory: it can't be done
        """
        History.check(self)
        if self.rate is not None and not 1 <= self.rate <= MAX_RATE:
            raise InvalidHistory(f"the rate has to be 1 to {MAX_RATE:,} events a second")


def request(wanted: ReplayRequest, *, who: str, worker: str = "") -> Job:
    """Create the job of a replay.

    :param worker: as for queue.enqueue
    :raises InvalidHistory: it can't be done
    """
    wanted.check()
    return queue.enqueue(KIND, wanted.to_mapping(), who=who, worker=worker)
