"""What holds for every page of the site: a browser, and a product that has something to show on each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page

from dashboard.tests.browser.conftest import browser_type_launch_args
from dashboard.tests.browser.visitors import sign_in
from dataflow_site.tests.browser.addresses import RULE, SOURCE
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from processing.logic.content import Content, RuleContent
from processing.logic.revisions import saving
from processing.models import DeadLetter, Event, Incident, Job
from processing.tests.posting import post

__all__ = ["browser_type_launch_args"]


@pytest.fixture
def filled(site: Deployment) -> Deployment:
    """A product with a rule, events, a dead letter, a job, a key and an incident."""
    rule = RuleContent(name=RULE, when="temperature > 30", actions=["tag hot"])
    saving.save(Content(rules=[rule]), base=0, who="ann", activate=True)
    receiver, _ = site.start_ingest(), site.start_consumer()
    at = datetime.now(tz=UTC).isoformat()
    for number in range(20):
        event = {
            "sourceId": f"sensor-{number % 3}",
            "timestamp": at,
            "payload": {"temperature": 20 + number, "ok": True},
        }
        post(receiver.url, event)
    for value in (1, 2):
        same = {"sourceId": SOURCE, "eventId": str(UUID(int=9)), "timestamp": at, "payload": {"temperature": value}}
        post(receiver.url, same)
    site.wait_for(lambda: Event.objects.count() == 21 and DeadLetter.objects.exists(), 30)
    now = datetime.now(tz=UTC)
    Job.objects.create(
        kind="pack", who="schedule", created_at=now, state=Job.State.DONE, finished_at=now, message="Done."
    )
    api_keys.create("meter", ["ingest"])
    Incident.objects.create(kind="disk", subject="PostgreSQL", detail="91 % is used", since=now, last_seen=now)
    return site


@pytest.fixture
def visitor(browser: Browser, filled: Deployment) -> Iterator[Page]:
    """A page of a browser in which a superuser is signed in."""
    web = filled.start_web({"DATAFLOW_OPEN_READ": "0"})
    with browser.new_context(base_url=web.url) as context:
        sign_in(context, web)
        yield context.new_page()
