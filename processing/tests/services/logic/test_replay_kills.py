"""A replay that is killed at any time continues where it was, beside a consumer under load."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now

from deploy.testing.deployment import Deployment
from ingestion.events import timestamps
from processing.jobs import queue
from processing.models import Event, Job, Lease
from processing.recovery.reconcile import reconcile, report_text
from processing.replays import request
from processing.replays.request import ReplayRequest
from processing.tests import expectations, factories, logic_revisions
from processing.tests.logic_revisions import rule

pytestmark = pytest.mark.services

EVENTS = 12_000
KILLS = 2
START = datetime(2026, 3, 1, tzinfo=UTC)


def event(number: int) -> dict[str, object]:
    """Events from EVENTS on are late: they lie between the others."""
    minute, late = number % EVENTS, number >= EVENTS
    return {
        "sourceId": "sensor-1",
        "timestamp": timestamps.to_text(START + timedelta(minutes=minute, seconds=30 * late)),
        "payload": {"n": number},
        "eventId": f"019624b8-9a00-7eb5-b8d0-{number:012x}",
    }


def put(site: Deployment, numbers: range) -> None:
    for start in numbers[::500]:
        factories.put_events(site.raw_topic, *map(event, range(start, min(start + 500, numbers.stop))))


def test_a_replay_that_is_killed_continues_and_is_exact(site: Deployment) -> None:
    put(site, range(EVENTS))
    site.start_consumer()
    site.wait_for(lambda: expectations.caught_up(site), 60)
    revision = logic_revisions.save_only(
        rule("double", "set double = n * 2", "tag even", when="n % 2 == 0"),
        rule("sevens", "drop", when="n % 7 == 0"),
        rule("elevens", 'reject "eleven"', when="n % 11 == 0"),
    )
    job = request.request(ReplayRequest(revision, rate=4_000), who="test")
    late = threading.Thread(target=put, args=(site, range(EVENTS, EVENTS + 3_000)))
    late.start()

    pauses = random.Random(17)
    for _ in range(KILLS):
        worker = site.start_jobs()
        site.wait_for(lambda: Job.objects.get(pk=job.pk).done > 0, 30)
        time.sleep(pauses.uniform(0.1, 1.5))
        worker.kill()
        # Nobody waits for it half a minute, or for its lease.
        Job.objects.filter(pk=job.pk).update(heartbeat=Now() - queue.WORKER_TIMEOUT)
        Lease.objects.update(until=Now())
    site.start_jobs()
    site.wait_for(lambda: Job.objects.get(pk=job.pk).state == Job.State.DONE, 180)
    late.join()
    site.wait_for(lambda: expectations.caught_up(site), 60)

    replayed = [n for n in range(EVENTS) if n % 7 and n % 11]
    changed = Event.objects.filter(replay=job.pk, payload__n__lt=EVENTS)
    assert changed.count() == sum(1 for n in replayed if n % 2 == 0)
    assert set(Event.objects.filter(payload__n__lt=EVENTS).values_list("payload__n", flat=True)) == set(replayed)
    report = reconcile.run()
    assert report.ok, report_text.render(report)
