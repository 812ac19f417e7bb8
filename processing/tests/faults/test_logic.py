"""Logic changes all the time while consumers and replays are killed, and stores freeze, under load."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from deploy.testing.deployment import Deployment, ProductProcess
from processing.jobs import queue
from processing.models import Job
from processing.replays import request
from processing.replays.request import ReplayRequest
from processing.tests import expectations, logic_revisions, replaying
from processing.tests.faults import changing_logic, fault_injection, logic_report
from processing.tests.faults.changing_logic import PACE, Consumers
from processing.tests.faults.fault_deployment import RECOVERY, World
from processing.tests.faults.fault_injection import frozen
from processing.tests.faults.judged_topic import Judge
from processing.tests.faults.load import Load
from processing.tests.reference_rollups import Sent

# The first seed is short: the kills of `make test` are in processing/tests/services/logic/test_kills.py.
STORM = {1: 4.0}  # seconds
LONG_STORM = 30.0
HISTORY = 12_000  # events
KILLS = 10
FREEZE = 15.0  # seconds; longer than the lease of a replay

Tables = dict[str, list[tuple[Any, ...]]]


@dataclass(slots=True)
class Stage:
    """A site whose logic changes, and all that was sent to it."""

    site: Deployment
    receiver: ProductProcess
    note: Callable[[str, object], None]
    reconciles: bool
    revisions: list[int]
    acknowledged: list[Sent] = field(default_factory=list)
    judge: Judge = field(default_factory=Judge)

    def settle(self) -> None:
        began = time.monotonic()
        self.site.wait_for(
            lambda: expectations.caught_up(self.site) and expectations.all_committed(self.site), RECOVERY
        )
        self.note("recovery", round(time.monotonic() - began, 1))

    def assert_exact(self) -> None:
        logic_report.assert_exact(self.site, self.acknowledged, self.judge, note=self.note)
        if self.reconciles:
            World(self.site, self.site.folder, self.note).manage("reconcile")

    def store_history(self, rng: Random) -> Tables:
        """Store events by a revision that changes and drops some, and return what is derived from them."""
        logic_revisions.activate(self.revisions[1])
        self.site.start_consumer()
        self.acknowledged += changing_logic.send_history(self.receiver, rng, events=HISTORY)
        self.settle()
        return of_history()

    def undo(self, before: Tables) -> None:
        """Replay the history by the revision that stored it; then it is as it was."""
        replaying.replay(self.revisions[1], sources=("history-*",))
        self.assert_exact()
        assert of_history() == before


def of_history() -> Tables:
    return {
        name: [row for row in rows if str(row[0]).startswith("history-")] for name, rows in replaying.tables().items()
    }


@pytest.fixture(name="stage")
def _stage(site: Deployment, record_property: Callable[[str, object], None], seed: int) -> Stage:
    return Stage(site, site.start_ingest(), record_property, seed == 2, changing_logic.save_all())


def test_consumers_killed_while_logic_changes_lose_and_double_nothing(stage: Stage, rng: Random, seed: int) -> None:
    consumers = Consumers(stage.site, rng)
    with changing_logic.load(stage.receiver, rng, stage.acknowledged, senders=1) as load:
        stage.site.wait_for(lambda: len(load.acknowledged) > 200 and any(expectations.progress(stage.site).values()))
        with changing_logic.changing(stage.revisions, rng):
            ends = time.monotonic() + STORM.get(seed, LONG_STORM)
            while time.monotonic() < ends:
                consumers.kill_one()
                fault_injection.lasting(rng.uniform(0, PACE))
    stage.settle()

    stage.assert_exact()


def test_a_replay_killed_while_logic_changes_is_exact_and_can_be_undone(stage: Stage, rng: Random) -> None:
    before = stage.store_history(rng)
    replays = Replays(stage, rng)
    with (
        changing_logic.load(stage.receiver, rng, stage.acknowledged, senders=1),
        changing_logic.changing(stage.revisions, rng),
    ):
        for _ in range(KILLS):
            replays.kill_one()
        stage.site.start_jobs()
        replays.finish()
    stage.settle()

    stage.assert_exact()
    stage.undo(before)


@pytest.mark.parametrize("name", ["postgres", "mongo"])
def test_a_store_frozen_in_a_replay_is_waited_for_and_the_replay_can_be_undone(
    stage: Stage, rng: Random, name: str
) -> None:
    before = stage.store_history(rng)
    replays = Replays(stage, rng)
    with (
        changing_logic.load(stage.receiver, rng, stage.acknowledged, senders=1) as load,
        changing_logic.changing(stage.revisions, rng),
    ):
        stage.site.start_jobs()
        replays.begin()
        replays.gets_on()
        with frozen(getattr(stage.site.servers, name)):
            goes_on(stage.site, load, seconds=FREEZE)
        assert not replays.ended()
        replays.finish()
    stage.settle()

    stage.assert_exact()
    stage.undo(before)


def goes_on(site: Deployment, load: Load, *, seconds: float) -> None:
    """Wait so long, and until the receiver has taken more."""
    taken, until = len(load.acknowledged), time.monotonic() + seconds
    site.wait_for(lambda: time.monotonic() > until and len(load.acknowledged) > taken, RECOVERY)


class Replays:
    """Replays of everything, one after the other, each by another revision."""

    def __init__(self, stage: Stage, rng: Random) -> None:
        self._stage = stage
        self._rng = rng
        self._revision = stage.revisions[1]
        self._job: Job | None = None

    def begin(self) -> None:
        others = [number for number in self._stage.revisions if number != self._revision]
        self._revision = self._rng.choice(others)
        self._job = request.request(ReplayRequest(self._revision), who="test")

    def ended(self) -> bool:
        found = self._now()
        assert found.state in (Job.State.QUEUED, Job.State.RUNNING, Job.State.DONE), found.message
        return found.state == Job.State.DONE

    def gets_on(self) -> None:
        """Wait until more of it is done."""
        before = self._now().done
        self._stage.site.wait_for(lambda: self._now().done > before or self.ended(), RECOVERY)

    def kill_one(self) -> None:
        """Kill a worker in the middle of a replay, at any moment of it."""
        if self._job is None or self.ended():
            self.begin()
        worker = self._stage.site.start_jobs()
        while True:
            self.gets_on()
            fault_injection.lasting(self._rng.uniform(0, 0.3))
            if not self.ended():
                break
            self.begin()
        worker.kill()
        assert not self.ended()
        # Nobody waits half a minute for it, or ten seconds for its lease.
        Job.objects.filter(pk=self._now().pk).update(heartbeat=Now() - queue.WORKER_TIMEOUT)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE lease SET until = now() WHERE name = 'maintenance'")

    def finish(self) -> None:
        self._stage.site.wait_for(self.ended, 180)

    def _now(self) -> Job:
        assert self._job is not None
        self._job.refresh_from_db()
        return self._job
