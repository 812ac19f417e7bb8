"""A deployment for tests that redrive dead letters."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from deploy.local.process import Process
from deploy.local.processes import ProcessSpec
from deploy.testing.deployment import Deployment
from ingestion.events import timestamps
from processing.models import DeadLetter, Job
from processing.tests import expectations, factories
from processing.tests.expectations import Expected
from processing.tests.reference_rollups import Sent

CONSUMER = ProcessSpec("refusing consumer", "PROCESSOR_SERVICE_PORT", ("-m", "processing.tests.refusing_consumer"))


@dataclass(slots=True)
class RedriveDeployment:
    """One deployment for all tests, each with its own sources; what earlier tests stored must stay exact too."""

    site: Deployment
    jobs: Process
    expected: Expected = field(default_factory=Expected)

    def refuse(self, source: str, count: int, *, mark: str = "once") -> list[Sent]:
        """Make this many events of a source dead letters."""
        first = len(self.expected.events) + self.expected.letters.total()
        sent = [
            factories.make_sent(number, source=source, payload={"n": number, "refuse": mark})
            for number in range(first, first + count)
        ]
        lines = [
            factories.line(first + place, json.dumps(one.payload).encode(), source=source)
            for place, one in enumerate(sent)
        ]
        factories.put(self.site.raw_topic, *lines)
        self.site.wait_for(lambda: letters(source, state="open") == count, 30)
        self.expected.letters[source, "refused_by_store"] += count
        return sent

    def await_end(self, job: Job) -> Job:
        self.site.wait_for(lambda: Job.objects.get(pk=job.pk).finished_at, 60)
        job.refresh_from_db()
        return job

    def assert_exact(self) -> None:
        self.site.wait_for(lambda: expectations.caught_up(self.site), 30)
        expectations.assert_exact(self.site, self.expected)


def started(site: Deployment) -> RedriveDeployment:
    """Start a consumer that refuses some events, and a worker for jobs, on a clean deployment."""
    site.start(CONSUMER)
    return RedriveDeployment(site, site.start_jobs())


def letters(source: str, **filters: str) -> int:
    return DeadLetter.objects.filter(source_id=source, **filters).count()


def await_letter(deployment: RedriveDeployment, source: str, *, redrives: int = 0) -> DeadLetter:
    wanted = DeadLetter.objects.filter(source_id=source, redrives=redrives)
    deployment.site.wait_for(wanted.all().exists, 30)
    return wanted.get()


def await_state(deployment: RedriveDeployment, source: str, state: str, count: int) -> None:
    deployment.site.wait_for(lambda: letters(source, state=state) == count, 30)


def history(letter: DeadLetter) -> list[tuple[str, str, str]]:
    return list(letter.actions.values_list("who", "kind", "note"))


def now() -> int:
    return timestamps.now()
