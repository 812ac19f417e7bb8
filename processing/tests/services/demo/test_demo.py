"""The demo on a whole deployment: it comes through the receiver, and ends without a trace in what needs someone."""

from __future__ import annotations

import pytest

from deploy.testing.deployment import Deployment
from ingestion.models import Key, Source
from processing.demo import job as demo
from processing.demo import removal, sources
from processing.models import DeadLetter, Event, Job
from processing.tests.commands import run_json

pytestmark = pytest.mark.services

BROKEN = "demo.gateway-broken"


def test_the_demo_comes_through_the_receiver_with_a_key_and_is_removed_while_the_ledger_stays_exact(
    site: Deployment,
) -> None:
    keyed = {"DATAFLOW_OPEN_INGEST": "0"}
    receiver, _, _ = site.start_ingest(keyed), site.start_consumer(), site.start_jobs(keyed)
    job = demo.request(address=receiver.url, who="operator", minutes=1)
    same = demo.request(address=receiver.url, who="another")
    site.wait_for(lambda: DeadLetter.objects.filter(source_id=BROKEN).count() > 1, 60)
    stored = set(Event.objects.values_list("source_id", flat=True))
    keys = list(Key.objects.filter(revoked_at=None).values_list("name", "sources"))

    done = removal.remove(who="operator")
    site.wait_for(lambda: Job.objects.get(pk=job.pk).state == Job.State.CANCELLED, 30)
    removal.remove(who="operator")
    site.wait_for(lambda: not DeadLetter.objects.filter(state=DeadLetter.State.OPEN).exists(), 30)
    reconciled = run_json("reconcile")
    letters = DeadLetter.objects.count()
    disabled = not Source.objects.filter(enabled=True).exists()
    demo.request(address=receiver.url, who="operator", minutes=1)
    site.wait_for(lambda: DeadLetter.objects.count() > letters, 90)
    removal.remove(who="operator")

    assert same == job
    assert stored == {source.name for source in sources.SOURCES}
    assert keys == [("demo", [sources.PATTERN])]
    assert (done.cancelled, done.disabled) == (1, len(sources.SOURCES))
    assert disabled
    assert not Key.objects.filter(revoked_at=None).exists()
    assert reconciled["ok"] is True
